"""One slide of 10,000 metric alarms: everything that is due at a full minute, in this process."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence

import numpy as np

from detector.domain.metric_alarms.alarm_model import AlarmKind
from detector.domain.metric_alarms.alarm_records import ALARM, AlarmRecord, encode_record
from detector.domain.metric_alarms.contributor_standings import ContributorWindow
from detector.domain.metrics.series import FleetMetric, Metric, Series
from detector.services.metric_alarms import LogRecord, MetricAlarms, MetricAlarmSettings

ALARMS = 10_000
SLIDES = 20
WARM = 3
MINUTE_MS = 60_000
MOVING_SHARE = 0.001
"""Part of the alarms whose datapoint breaches in a slide: a bad minute, not a bad day."""


def slide_ms(seed: int, *, alarms: int = ALARMS, slides: int = SLIDES) -> list[float]:
    """Return the milliseconds of each slide: read, judge, write what moved.

    Every alarm watches a metric of its own, in a dozen different manners; topics and datapoints
    are in memory.
    """
    return asyncio.run(_slides(seed, alarms, slides))[WARM:]


async def _slides(seed: int, alarms: int, slides: int) -> list[float]:
    chance = random.Random(seed)
    points = _Points(seed, alarms, slides)
    topic = _Log([_put(place, chance) for place in range(alarms)])
    service = MetricAlarms(topic, _Log([]), points, _NoContributors(), MetricAlarmSettings())
    await service.start(0.0)
    assert len(service.book.entries) == alarms, service.book.unreadable
    spent = []
    for slide in range(slides):
        at_ms = (slide + 10) * MINUTE_MS
        begun = time.perf_counter()
        for end_ms in range(at_ms - 50_000, at_ms + 1, 10_000):
            begun = time.perf_counter()
            await service.on_window(end_ms, end_ms / 1000)
        spent.append((time.perf_counter() - begun) * 1000)
    assert topic.written > alarms, "no alarm moved"
    return spent


def _put(place: int, chance: random.Random) -> LogRecord:
    seen = chance.choice((1, 3, 5))
    members = {
        "AlarmName": f"alarm-{place}",
        "MetricName": "Faults",
        "Namespace": "Detector/Fleet",
        "Dimensions": [{"Name": "Host", "Value": f"host-{place}"}],
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
    return LogRecord(f"{ALARM}alarm-{place}", encode_record(record))


class _Points:
    """One value a minute for every host: mostly calm, a few over the threshold."""

    def __init__(self, seed: int, alarms: int, slides: int) -> None:
        self._minutes = slides + 20
        draw = np.random.default_rng(seed).random((alarms, self._minutes))
        self._values = np.where(draw < MOVING_SHARE, 1.0, 0.1)
        self._times = np.arange(self._minutes, dtype=np.int64) * MINUTE_MS

    def read(self, metric: Metric, start_ms: int, end_ms: int, period_ms: int) -> Series:
        assert isinstance(metric, FleetMetric)
        assert period_ms == MINUTE_MS
        row = self._values[int(metric.dimensions[0][1][5:])]
        first, last = max(start_ms, 0) // MINUTE_MS, end_ms // MINUTE_MS
        return Series(self._times[first:last], row[first:last])


class _NoContributors:
    def contributors(self, rule: str, end_ms: int) -> ContributorWindow | None:
        raise AssertionError(f"{rule} at {end_ms}: no alarm per contributor was put")


class _Log:
    """A topic in memory that is durable at once."""

    def __init__(self, records: list[LogRecord]) -> None:
        self._records = records
        self.written = 0
        self._heard: Callable[[str, bytes | None], None] = lambda *_: None

    async def start(self, heard: Callable[[str, bytes | None], None]) -> None:
        self._heard = heard
        await self.write(self._records)

    async def write(self, records: Sequence[LogRecord]) -> None:
        for record in records:
            self._heard(record.key, record.value)
        self.written += len(records)

    async def stop(self) -> None:
        """Nothing to stop."""
