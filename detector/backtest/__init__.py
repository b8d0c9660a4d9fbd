"""Backtests: which alarms and actions a configuration gives on recorded logs."""
