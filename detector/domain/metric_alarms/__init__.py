"""Metric alarms with CloudWatch's semantics: metric alarms, composite alarms and mute rules.

They stand beside the detectors' own alarms (``domain/alarm_book.py``) and share nothing with them:
these are what users put through CloudWatch's API, and no action of the decider follows from them.
"""
