"""Notices: the closed list of what is reported."""

import dataclasses
from typing import get_args

import pytest

from detector.core import notices
from detector.core.vocabulary import Loss

NOTICES = [
    each
    for each in vars(notices).values()
    if dataclasses.is_dataclass(each) and each.__module__ == notices.__name__
]


def test_every_notice_is_in_the_closed_list_that_listeners_must_know() -> None:
    assert set(NOTICES) == set(get_args(notices.Notice))


@pytest.mark.parametrize("notice", NOTICES)
def test_a_notice_says_with_a_verb_in_the_past_what_happened(notice: type) -> None:
    past = ("ed", "ost", "ead", "eld", "ept", "Level")
    assert notice.__name__.endswith(past), notice.__name__
    assert notice.__doc__


def test_a_notice_cannot_be_changed_after_the_fact() -> None:
    notice = notices.EventsLost(Loss.LATE, 3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        notice.count = 4  # type: ignore[misc]
