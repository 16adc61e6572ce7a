"""From the file that a field engineer edits on the card, `earshot.toml`, to a box that works."""
