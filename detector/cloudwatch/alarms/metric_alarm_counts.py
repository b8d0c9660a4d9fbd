"""How the metric alarms stand as a whole, and what of their topics could not be used."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from detector.cloudwatch.alarms.service import MetricAlarms


@dataclass(frozen=True, slots=True)
class MetricAlarmCounts:
    """``through_ms`` is the last instant that was evaluated, in epoch milliseconds, 0 before any.

    ``states`` counts alarms by CloudWatch's word for their state, ``skipped_instants`` those that
    were too far back to be evaluated, ``unreadable`` records by topic: ``alarms``, ``history``. The
    last two since the start.
    """

    through_ms: int
    states: Mapping[str, int]
    skipped_instants: int
    unreadable: Mapping[str, int]


def counts_of(alarms: MetricAlarms) -> MetricAlarmCounts:
    """Count."""
    book = alarms.book
    return MetricAlarmCounts(
        through_ms=book.through_ms or 0,
        states=Counter(entry.standing.state.value for entry in book.entries.values()),
        skipped_instants=alarms.skipped_instants,
        unreadable={"alarms": book.unreadable, "history": alarms.unreadable_items},
    )
