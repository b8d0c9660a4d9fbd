"""Metrics, logs, health and the one clock."""
