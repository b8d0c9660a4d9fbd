"""Benchmarks: the product against named peers, in one run on one machine."""
