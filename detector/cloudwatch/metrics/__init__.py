"""Metrics as CloudWatch defines them: series of datapoints, and expressions over them."""
