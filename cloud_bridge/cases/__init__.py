"""Cases of the quality service: time limits on a business calendar."""
