"""Check-lists: authored in the browser, versioned, filled for presses, scored, some of them twice."""
