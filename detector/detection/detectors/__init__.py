"""The detectors, one module each, with the interface ``Detector`` of ``detection.findings``.

``fleet_view`` computes what detectors of fleets share; ``roster`` lists all detectors in order.
"""
