"""The detectors, one small module each, behind the one shape of ``detector.detection.findings``.

``fleet_view`` is what those of fleets look at; ``roster`` says which there are, in their order.
"""
