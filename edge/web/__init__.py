"""The box's local page: VirtualPanel, shift, state."""
