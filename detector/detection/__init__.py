"""From windows to alarms: tests, detectors, diagnosis and alarm states; pure."""
