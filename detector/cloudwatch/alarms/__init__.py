"""Metric alarms with CloudWatch's semantics: metric alarms, composite alarms and mute rules.

They stand beside the detectors' own alarms (``detector/detection/alarm_store.py``) and share
nothing with them: users put them through CloudWatch's API, and no action follows from them.
"""
