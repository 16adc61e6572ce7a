"""The lab: the project on a virtual machine with real kernel devices. See docs/LAB.md."""
