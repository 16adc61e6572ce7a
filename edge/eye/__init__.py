"""`earshot eye`: camera to face ring."""
