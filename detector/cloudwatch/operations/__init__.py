"""The use cases behind CloudWatch's API: every operation is one handler over typed ports."""
