"""The bridge: takes what boxes publish, stores it once, shows it to people and programs."""
