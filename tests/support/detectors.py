"""Configurations in which only some detectors take part, for tests of one of them."""

from typing import Any, TypeVar

from detector.core.vocabulary import Switch
from detector.detection.evaluate import EvaluateConfig
from detector.detection.evidence import Evidence
from detector.settings.detectors import DetectorsSection

AnyMeasure = TypeVar("AnyMeasure")


def only(*names: str, **constants: Any) -> EvaluateConfig:
    """Switch every detector off but those named."""
    others = set(DetectorsSection.model_fields) - set(names)
    return EvaluateConfig(switches=dict.fromkeys(sorted(others), Switch.OFF), **constants)


def basic(**constants: Any) -> EvaluateConfig:
    """Leave the 66 % rule and the zone test of faults, which remember nothing."""
    return only("r66", "zone", **constants)


def measured(evidence: Evidence, kind: type[AnyMeasure]) -> AnyMeasure:
    """Return the measure of some evidence, which must be of ``kind``."""
    assert isinstance(evidence.measure, kind)
    return evidence.measure
