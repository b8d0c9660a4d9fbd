"""CloudWatch's API, metric alarms and report history; no other room depends on them."""
