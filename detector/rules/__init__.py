"""Contributor rules: how they are written, checked, changed and matched."""
