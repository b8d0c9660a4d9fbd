"""Simulated fleets and injected faults, for the demo, drills and tests."""
