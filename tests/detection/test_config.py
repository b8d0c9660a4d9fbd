"""When the 66 % rule fires, at its boundaries, in each mode."""

import pytest

from detector.core.vocabulary import AlarmMode
from detector.detection.config import EvaluateConfig
from detector.detection.persistence import Persistence

CONFIG = EvaluateConfig(modes={"classic": AlarmMode.CLASSIC, "off": AlarmMode.OFF})


@pytest.mark.parametrize(
    ("value", "total", "guarded", "classic"),
    [
        (66, 100, False, False),  # exactly 0.66 is not more than 0.66
        (33, 50, False, False),
        (67, 100, True, True),
        (24, 24, False, True),  # one fault too few in the window
        (25, 25, True, True),
        (9, 13, False, True),  # too few in all
        (1, 1, False, True),  # the bare expression fires on a single fault
        (0, 0, False, False),
        (0, 10, False, False),
    ],
)
def test_the_rule_is_strict_and_guarded_mode_has_floors(
    value: float, total: float, *, guarded: bool, classic: bool
) -> None:
    assert guarded == CONFIG.is_dominant("any", value, total)
    assert classic == CONFIG.is_dominant("classic", value, total)


@pytest.mark.parametrize(("value", "fires"), [(9, False), (10, True)])
def test_the_contributor_itself_needs_ten_faults(value: float, *, fires: bool) -> None:
    low = EvaluateConfig(min_total_faults=10)
    assert fires == low.is_dominant("any", value, 10)


def test_persistence_goes_by_the_mode_of_the_subject() -> None:
    assert Persistence(3, 5) == CONFIG.persistence_of("any") == CONFIG.guarded
    assert Persistence(1, 1) == CONFIG.persistence_of("classic")
    assert CONFIG.persistence_of("off") is None
    assert EvaluateConfig(default_mode=AlarmMode.OFF).persistence_of("any") is None
