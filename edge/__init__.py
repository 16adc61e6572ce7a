"""The box: what a press means, what is kept of it and how it reaches the bridge."""
