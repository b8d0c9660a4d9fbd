"""The operations of CloudWatch's API: one handler each, over typed ports."""
