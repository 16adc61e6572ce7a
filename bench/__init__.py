"""Benchmarks: every figure stands beside its floor or a peer, measured in the same run."""
