"""All detectors are named once, and those that remember have names of their own."""

from detector.detection.config import EvaluateConfig
from detector.detection.detectors.roster import detector_names, fleet_detectors, rule_detectors
from detector.detection.findings import Stateful


def test_the_names_are_those_of_the_detectors_each_once() -> None:
    config = EvaluateConfig()
    fleets = [detector.name for detector in fleet_detectors(config)]
    assert len(fleets) == len(set(fleets))
    assert {"r66"} == {detector.name for detector in rule_detectors(config)}
    assert tuple(fleets) == detector_names()


def test_those_that_remember_are_known() -> None:
    remembering = [each.name for each in fleet_detectors(EvaluateConfig())
                   if isinstance(each, Stateful)]  # fmt: skip
    assert ["sequential", "latency", "silence", "guard"] == remembering
    assert [] == [each for each in rule_detectors(EvaluateConfig()) if isinstance(each, Stateful)]
