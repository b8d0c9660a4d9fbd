"""Configurations with only some detectors on, for tests of one of them."""

from typing import Any

from detector.core.vocabulary import Switch
from detector.detection.evaluate import EvaluateConfig
from detector.settings.detectors import DetectorsSection


def only(*names: str, **constants: Any) -> EvaluateConfig:
    """Switch every detector off but those named."""
    others = set(DetectorsSection.model_fields) - set(names)
    return EvaluateConfig(switches=dict.fromkeys(sorted(others), Switch.OFF), **constants)


def basic(**constants: Any) -> EvaluateConfig:
    """Keep only the 66 % rule and the zone test of faults, which are stateless."""
    return only("r66", "zone", **constants)
