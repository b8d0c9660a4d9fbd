"""The quality benchmark: how well the detectors find what is sick and leave the healthy alone."""
