"""Simulated fleets and their faults, for the demo, drills and tests."""
