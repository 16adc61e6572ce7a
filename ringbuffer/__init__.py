"""The slot ring in shared memory and the timeline that maps its frames to monotonic time."""
