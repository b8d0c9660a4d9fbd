"""Metric alarms with CloudWatch's semantics: metric alarms, composite alarms and mute rules.

They are separate from the alarms of the detectors (``detector/detection/alarm_store.py``): users
create them through CloudWatch's API, and no action of the actuator follows from them.
"""
