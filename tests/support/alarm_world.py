"""A world for metric alarms that survives crashes: topics in memory, and sources of datapoints.

A ``Fuse`` crashes the process before the n-th record that is written to any topic; earlier records
are there after the restart.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.cloudwatch.alarms.alarm_history import HistoryItem, decode_item
from detector.cloudwatch.alarms.contributor_states import (
    ContributorValue,
    ContributorWindow,
)
from detector.cloudwatch.alarms.recent_datapoints import rows_by_reading
from detector.cloudwatch.alarms.service import LogRecord, MetricAlarms, MetricAlarmSettings
from detector.cloudwatch.metrics.series import FleetMetric, Metric, Series
from detector.cloudwatch.operations.alarms import handlers
from detector.cloudwatch.operations.contract import Members
from tests.support.durable import Crash

STEP = 10_000


class Fuse:
    """Lets ``left`` records pass and then crashes; ``None`` never does."""

    def __init__(self, left: int | None = None) -> None:
        self.left = left
        self.passed = 0

    def pass_one(self) -> None:
        if self.left is not None and self.passed >= self.left:
            raise Crash(f"before record {self.passed}")
        self.passed += 1


@dataclass
class MemoryTopic:
    """Durable records in order."""

    records: list[tuple[str, bytes | None]] = field(default_factory=list)

    def compact(self) -> None:
        newest = {key: index for index, (key, _) in enumerate(self.records)}
        self.records = [
            record for index, record in enumerate(self.records) if newest[record[0]] == index
        ]

    def items(self) -> list[HistoryItem]:
        """History items, the first of each identity."""
        found: dict[str, HistoryItem] = {}
        for _, raw in self.records:
            item = decode_item(raw or b"")
            found.setdefault(item.id, item)
        return list(found.values())


class MemoryLog:
    """Writes and follows a ``MemoryTopic``."""

    def __init__(self, topic: MemoryTopic, fuse: Fuse) -> None:
        self._topic = topic
        self._fuse = fuse
        self._apply: Callable[[str, bytes | None], None] = lambda *_: None

    async def start(self, apply: Callable[[str, bytes | None], None]) -> None:
        self._apply = apply
        for key, value in self._topic.records:
            apply(key, value)

    async def write(self, records: Sequence[LogRecord]) -> None:
        for record in records:
            self._fuse.pass_one()
            self._topic.records.append((record.key, record.value))
            self._apply(record.key, record.value)

    async def stop(self) -> None:
        self._apply = lambda *_: None


class Datapoints:
    """Values per metric and ten seconds; a period's datapoint is their sum, if there is one."""

    def __init__(self) -> None:
        self.values: dict[Metric, dict[int, float]] = {}
        self.reads = 0

    def put(self, metric: Metric, at_ms: int, value: float) -> None:
        self.values.setdefault(metric, {})[at_ms] = value

    def read(self, metric: Metric, start_ms: int, end_ms: int, period_ms: int) -> Series:
        self.reads += 1
        found: dict[int, float] = {}
        for at_ms, value in sorted(self.values.get(metric, {}).items()):
            if start_ms <= at_ms < end_ms:
                start = at_ms - (at_ms - start_ms) % period_ms
                found[start] = found.get(start, 0.0) + value
        times = np.array(list(found), dtype=np.int64)
        return Series(times, np.array(list(found.values()), dtype=np.float64))

    def rows(
        self, metrics: Sequence[Metric | None], start_ms: int, end_ms: int, period_ms: int
    ) -> NDArray[np.float64]:
        return rows_by_reading(self, metrics, start_ms, end_ms, period_ms)


class Windows:
    """Contributors of rules by the end of their window; what is not there is not known."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, int], Mapping[str, float]] = {}

    def put(self, rule: str, end_ms: int, values: Mapping[str, float]) -> None:
        self.rows[rule, end_ms] = values

    def contributors(self, rule: str, end_ms: int) -> ContributorWindow | None:
        values = self.rows.get((rule, end_ms))
        if values is None:
            return None
        rows = tuple(ContributorValue((name,), value) for name, value in values.items())
        return ContributorWindow(("$.host",), sum(values.values()), rows)


class AlarmWorld:
    """Topics and sources that outlive the process, and the running service."""

    def __init__(self, settings: MetricAlarmSettings | None = None) -> None:
        self.settings = settings or MetricAlarmSettings()
        self.alarm_topic = MemoryTopic()
        self.history_topic = MemoryTopic()
        self.datapoints = Datapoints()
        self.windows = Windows()
        self.now = 0.0
        self.service: MetricAlarms

    async def live(self, fuse: Fuse | None = None) -> "AlarmWorld":
        """Start a process; the fuse decides when it crashes."""
        burning = fuse or Fuse()
        self.service = MetricAlarms(
            MemoryLog(self.alarm_topic, burning),
            MemoryLog(self.history_topic, burning),
            self.datapoints,
            self.windows,
            self.settings,
        )
        self.operations = handlers(self.service, lambda: self.now)
        await self.service.start(self.now)
        return self

    async def call(self, operation: str, /, **members: Any) -> Members:
        return await self.operations[operation](members)

    async def window(self, end_ms: int, values: Mapping[Metric, float] | None = None) -> None:
        """Bring the datapoints of the ten seconds before ``end_ms``, and then the window."""
        for metric, value in (values or {}).items():
            self.datapoints.put(metric, end_ms - STEP, value)
        self.now = max(self.now, end_ms / 1000)
        await self.service.on_window(end_ms, self.now)

    def summaries(self) -> list[str]:
        """The history, as ``<alarm> <seconds> <summary>``."""
        return [
            f"{item.alarm} {item.at_ms // 1000} {item.summary}"
            for item in self.history_topic.items()
        ]

    def state(self, name: str) -> str:
        return self.service.store.entries[name].state.state.value


def fleet_metric(name: str = "Faults", statistic: str = "Sum", **dimensions: str) -> FleetMetric:
    return FleetMetric("Detector/Fleet", name, tuple(sorted(dimensions.items())), statistic)


def metric_alarm(name: str = "many-faults", **changes: Any) -> dict[str, Any]:
    """Members of a valid PutMetricAlarm; ``None`` leaves a member out."""
    members = {
        "AlarmName": name,
        "MetricName": "Faults",
        "Namespace": "Detector/Fleet",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 5.0,
        "AlarmActions": ["arn:aws:sns:us-east-1:1:page"],
        "OKActions": ["arn:aws:sns:us-east-1:1:calm"],
        **changes,
    }
    return {key: value for key, value in members.items() if value is not None}


def contributor_alarm(name: str = "one-owns-it", **changes: Any) -> dict[str, Any]:
    """Members of a PutMetricAlarm over the contributors of a rule."""
    criteria = {"Query": 'insight_rule_contributor_share{rule="faults-by-host"} > 0.66'}
    members = {
        "AlarmName": name,
        "EvaluationCriteria": {"PromQLCriteria": {**criteria, **changes.pop("criteria", {})}},
        "EvaluationInterval": 10,
        "AlarmActions": ["arn:aws:sns:us-east-1:1:page"],
        **changes,
    }
    return {key: value for key, value in members.items() if value is not None}
