"""One slide of 10,000 metric alarms: everything that is due at a full minute, in this process."""

import asyncio
import functools
import random
import time
from collections.abc import Callable, Sequence

from detector.cloudwatch.alarms.alarm_model import AlarmKind
from detector.cloudwatch.alarms.alarm_records import ALARM, AlarmRecord, encode_record
from detector.cloudwatch.alarms.contributor_states import ContributorWindow
from detector.cloudwatch.alarms.recent_datapoints import RecentMetrics
from detector.cloudwatch.alarms.service import LogRecord, MetricAlarms, MetricAlarmSettings
from detector.cloudwatch.metrics.closed_windows import ClosedWindow
from detector.cloudwatch.metrics.series import FleetMetric, Metric, Series

ALARMS = 10_000
SLIDES = 20
WARM = 8
PANE_MS = 10_000
MINUTE_MS = 60_000
FIRST_MS = 600_000
MOVING_SHARE = 0.001
"""Part of the alarms whose datapoint breaches in a slide: a bad minute, not a bad day."""


def slide_ms(seed: int, *, alarms: int = ALARMS, slides: int = SLIDES) -> list[float]:
    """Return the milliseconds of each slide: datapoints added, alarms evaluated, changes written.

    Every alarm watches its own metric, in a dozen configurations; the topics are in memory.
    """
    return asyncio.run(_slides(seed, alarms, slides))[WARM:]


async def _slides(seed: int, alarms: int, slides: int) -> list[float]:
    chance = random.Random(seed)
    recent = RecentMetrics(_NoHistory(), pane_ms=PANE_MS, window_ms=MINUTE_MS)
    topic = _Log([_put(index, chance) for index in range(alarms)])
    service = MetricAlarms(topic, _Log([]), recent, _NoContributors(), MetricAlarmSettings())
    await service.start(0.0)
    assert len(service.store.entries) == alarms, service.store.unreadable
    spent = []
    for slide in range(slides * 6):
        end_ms = FIRST_MS + slide * PANE_MS
        window = _window(end_ms, chance, alarms)
        begun = time.perf_counter()
        recent.add(window)
        await service.on_window(end_ms, end_ms / 1000)
        if end_ms % MINUTE_MS == 0:
            spent.append((time.perf_counter() - begun) * 1000)
    assert topic.written > alarms, "no alarm moved"
    return spent


def _window(end_ms: int, chance: random.Random, alarms: int) -> ClosedWindow:
    """One value for every host: mostly calm, a few over the threshold."""
    values: dict[Metric, float] = {
        _metric(index): 1.0 if chance.random() < MOVING_SHARE else 0.1 for index in range(alarms)
    }
    return ClosedWindow(0, end_ms - MINUTE_MS, end_ms, end_ms - PANE_MS, values, values)


@functools.cache
def _metric(index: int) -> FleetMetric:
    return FleetMetric("Detector/Fleet", "Faults", (("Host", f"host-{index}"),), "Sum")


def _put(index: int, chance: random.Random) -> LogRecord:
    seen = chance.choice((1, 3, 5))
    members = {
        "AlarmName": f"alarm-{index}",
        "MetricName": "Faults",
        "Namespace": "Detector/Fleet",
        "Dimensions": [{"Name": "Host", "Value": f"host-{index}"}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": seen,
        "DatapointsToAlarm": chance.randint(1, seen),
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": chance.choice(("missing", "notBreaching")),
        "Threshold": 0.66,
        "AlarmActions": ["arn:aws:sns:us-east-1:000000000000:page"],
    }
    record = AlarmRecord(AlarmKind.METRIC, members, {}, "0", 0, 0)
    return LogRecord(f"{ALARM}alarm-{index}", encode_record(record))


class _NoHistory:
    """Nothing was before the first window."""

    def read(self, metric: Metric, start_ms: int, end_ms: int, period_ms: int) -> Series:
        assert metric is not None
        assert start_ms + period_ms < end_ms or start_ms < FIRST_MS
        return Series.empty()


class _NoContributors:
    def contributors(self, rule: str, end_ms: int) -> ContributorWindow | None:
        raise AssertionError(f"{rule} at {end_ms}: no alarm per contributor was put")


class _Log:
    """A topic in memory that is durable at once."""

    def __init__(self, records: list[LogRecord]) -> None:
        self._records = records
        self.written = 0
        self._apply: Callable[[str, bytes | None], None] = lambda *_: None

    async def start(self, apply: Callable[[str, bytes | None], None]) -> None:
        self._apply = apply
        await self.write(self._records)

    async def write(self, records: Sequence[LogRecord]) -> None:
        for record in records:
            self._apply(record.key, record.value)
        self.written += len(records)

    async def stop(self) -> None:
        """Nothing to stop."""
