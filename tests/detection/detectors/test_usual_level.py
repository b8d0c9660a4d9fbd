"""What is usual is a decaying mean over event time, bounded in zones."""

import math

import pytest

from detector.detection import constants
from detector.detection.detectors.usual_level import UsualLevel

HOUR = constants.GUARD_BASELINE_MS


def test_old_windows_lose_their_weight_by_a_factor_of_e_in_an_hour() -> None:
    level = UsualLevel()
    level.add(1_000, 100.0, 1_000.0, {"az1": 10})
    level.add(1_000 + HOUR, 0.0, 1_000.0, {"az1": 20})
    kept = math.exp(-1)
    assert (100 * kept + 0.5) / (1_000 * kept + 1_001) == pytest.approx(level.rate)
    assert (10 * kept + 20) / (kept + 1) == pytest.approx(level.hosts()["az1"])


def test_it_is_known_after_five_minutes() -> None:
    level = UsualLevel()
    assert not level.is_known
    assert {} == level.hosts()
    level.add(7_000, 1.0, 1.0, {})
    assert not level.is_known
    level.add(7_000 + constants.GUARD_WARM_UP_MS, 1.0, 1.0, {})
    assert level.is_known


def test_zones_long_gone_are_forgotten_and_the_largest_are_kept() -> None:
    level = UsualLevel()
    level.add(0, 0.0, 1.0, {"old": 1, **{f"z{n:02}": n + 1 for n in range(30)}})
    assert constants.GUARD_ZONES == len(level.hosts_by_zone)
    assert "z29" in level.hosts_by_zone
    level.add(9 * HOUR, 0.0, 1.0, {"new": 1})
    assert {"new"} == set(level.hosts_by_zone)


def test_what_was_saved_is_what_is_restored() -> None:
    level = UsualLevel()
    level.add(5_000, 1.0, 2.0, {"az1": 3})
    level.frozen_until_ms, level.reasons, level.freezes_zones = 9, ("rate_of_all",), True
    assert level == UsualLevel.restored(level.snapshot())
