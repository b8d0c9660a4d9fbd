"""Metrics as CloudWatch knows them: series of datapoints, and expressions over them."""
