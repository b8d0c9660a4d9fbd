"""Bounds of the decider's limits."""

import pytest

from detector.core.vocabulary import Mode
from detector.decisions.budgets import CapacityLimits
from detector.decisions.config import DecideConfig


def test_the_defaults_observe_only() -> None:
    assert DecideConfig().mode is Mode.OBSERVE


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"healthy_floor must be 0 to 1, found 1\.5; min_zones"):
        DecideConfig(healthy_floor=1.5, min_zones=1)


def test_grants_are_remembered_for_a_day_or_as_long_as_a_limit_counts_them() -> None:
    assert DecideConfig().remembered_seconds == 86_400.0
    week = CapacityLimits(0.01, 604_800.0)
    assert DecideConfig(capacity=week).remembered_seconds == 604_800.0
