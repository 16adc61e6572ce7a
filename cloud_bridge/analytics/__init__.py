"""The figures of the workplace: pure functions from counts to estimates. No database, no clock, no words for people."""
