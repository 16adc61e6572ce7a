"""Devices that produce facts: one file per device kind, the simulated sibling beside the real one."""
