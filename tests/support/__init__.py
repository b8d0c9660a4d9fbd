"""Shared parts of the tests: brokers, ports and neighbouring programs."""
