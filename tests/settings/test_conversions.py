"""Sections turn into the values that the stages take, and their defaults are the stages' own."""

from detector.core.topics import Topics
from detector.core.vocabulary import Mode, Switch
from detector.decisions.config import DecideConfig
from detector.detection.config import EvaluateConfig
from detector.detection.detectors.roster import fleet_detectors, rule_detectors
from detector.detection.share_test import ShareTestConfig
from detector.detection.zone_test import ZoneTestConfig
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.settings import load
from detector.settings.detectors import DetectorsSection
from detector.tables.windows import WindowTimes


def test_defaults_are_those_of_the_domain() -> None:
    settings = load(None, {})
    assert WindowTimes() == settings.windows.times()
    assert DecodeLimits() == settings.input.limits()
    assert FieldMapping() == settings.fields.mapping()
    assert ShareTestConfig() == settings.share_test.config()
    assert ZoneTestConfig() == settings.zone_test.config()
    assert EvaluateConfig() == settings.evaluate_config()
    assert DecideConfig() == settings.budgets.config(Mode.OBSERVE)
    assert Topics() == settings.topic_names()


def test_a_switch_reaches_its_detector() -> None:
    config = load(None, {"DETECTOR_DETECTORS__R66": "shadow"}).evaluate_config()
    assert {"r66": Switch.SHADOW} == config.switches
    assert (Switch.SHADOW, Switch.ON) == (config.switch_of("r66"), config.switch_of("zone"))


def test_every_detector_has_a_switch() -> None:
    config = EvaluateConfig()
    names = {detector.name for detector in fleet_detectors(config)}
    names |= {detector.name for detector in rule_detectors(config)}
    assert set(DetectorsSection.model_fields) == names


def test_seconds_become_milliseconds_without_losing_any() -> None:
    env = {
        "DETECTOR_WINDOWS__PANE_SECONDS": "0.3",
        "DETECTOR_WINDOWS__WINDOW_PANES": "4",
        "DETECTOR_WINDOWS__LATENESS_SECONDS": "0.001",
        "DETECTOR_WINDOWS__IDLE_SECONDS": "1.5",
        "DETECTOR_WINDOWS__PATIENCE_SECONDS": "2",
        "DETECTOR_WINDOWS__FUTURE_TOLERANCE_SECONDS": "0",
    }
    expected = WindowTimes(
        pane_ms=300,
        window_panes=4,
        lateness_ms=1,
        future_tolerance_ms=0,
        idle_ms=1500,
        max_wait_ms=2000,
    )
    assert expected == load(None, env).windows.times()


def test_a_refill_time_becomes_a_rate() -> None:
    env = {"DETECTOR_BUDGETS__FLEET_BUCKET_REFILL_SECONDS": "20", "DETECTOR_MODE": "enforce"}
    settings = load(None, env)
    config = settings.budgets.config(settings.mode)
    assert (0.05, Mode.ENFORCE) == (config.fleet_bucket.refill_per_second, config.mode)
