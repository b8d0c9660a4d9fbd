"""Metrics, logs, health endpoints and the clock."""
