"""Power cuts at random moments, and the judgement of what was acknowledged before them."""
