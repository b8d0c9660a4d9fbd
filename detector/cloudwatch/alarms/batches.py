"""Alarms evaluated together: the same periods, M of N, comparison and missing-data mode."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detector.cloudwatch.alarms.alarm_model import (
    ContributorAlarm,
    ExpressionWatch,
    MetricAlarm,
)
from detector.cloudwatch.alarms.alarm_store import Entry, MetricAlarmStore
from detector.cloudwatch.alarms.evaluation_times import EvaluationTimes
from detector.cloudwatch.alarms.m_of_n import ComparisonOperator, MissingData
from detector.cloudwatch.metrics.program import Program
from detector.cloudwatch.metrics.series import Metric
from detector.detection.persistence import Persistence

Key = tuple[EvaluationTimes, Persistence, MissingData, ComparisonOperator]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Alarms of one kind of evaluation, in a fixed order.

    ``direct``: the metric of each alarm, ``None`` for one that watches an expression; those are in
    ``programs`` with their index and the result they watch, and ``used`` lists the metrics that the
    programs read. ``alone``: alarms that are always evaluated one by one, because of a warm-up or
    of their number of samples.
    """

    key: Key
    members: list[tuple[Entry, MetricAlarm]]
    thresholds: NDArray[np.float64]
    alone: NDArray[np.bool_]
    direct: list[Metric | None]
    programs: list[tuple[int, Program, str]]
    used: list[Metric]

    @staticmethod
    def of(key: Key, members: list[tuple[Entry, MetricAlarm]]) -> "Group":
        """Collect what one evaluation of all of them needs."""
        direct: list[Metric | None] = []
        programs: list[tuple[int, Program, str]] = []
        alone = []
        used: dict[Metric, None] = {}
        for index, (_, alarm) in enumerate(members):
            watch = alarm.watch
            if isinstance(watch, ExpressionWatch):
                direct.append(None)
                programs.append((index, watch.program, watch.returned))
                used.update(dict.fromkeys(watch.program.metrics))
                alone.append(alarm.warm_up is not None)
            else:
                direct.append(watch.metric)
                alone.append(alarm.warm_up is not None or watch.samples is not None)
        thresholds = np.array([alarm.threshold for _, alarm in members])
        return Group(key, members, thresholds, np.array(alone), direct, programs, list(used))


@dataclass(frozen=True, slots=True)
class Groups:
    """All groups, and the alarms per contributor, which are evaluated one by one."""

    groups: list[Group] = field(default_factory=list)
    by_contributor: list[tuple[Entry, ContributorAlarm]] = field(default_factory=list)

    @staticmethod
    def of(store: MetricAlarmStore) -> "Groups":
        """Group the alarms of a store."""
        gathered: dict[Key, list[tuple[Entry, MetricAlarm]]] = defaultdict(list)
        by_contributor = []
        for entry in store.entries.values():
            alarm = entry.alarm
            if isinstance(alarm, MetricAlarm):
                key = (alarm.times, alarm.persistence, alarm.missing, alarm.comparison)
                gathered[key].append((entry, alarm))
            elif isinstance(alarm, ContributorAlarm):
                by_contributor.append((entry, alarm))
        groups = [Group.of(key, members) for key, members in gathered.items()]
        return Groups(groups, by_contributor)

    def due(self, at_ms: int) -> Iterator[Group]:
        """Return the groups that are evaluated at ``at_ms``."""
        return (group for group in self.groups if group.key[0].is_due(at_ms))
