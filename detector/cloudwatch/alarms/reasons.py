"""Why an alarm is in its state: one sentence, and the numbers as JSON.

The JSON has CloudWatch's members: version, queryDate, startDate, statistic, period,
recentDatapoints, threshold, evaluatedDatapoints (newest first). Where the text would be longer than
the API may carry, the oldest datapoints are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from detector.cloudwatch.alarms.alarm_model import CompositeAlarm, MetricAlarm
from detector.cloudwatch.alarms.alarm_state import REASON_DATA_CHARACTERS
from detector.cloudwatch.alarms.composite_rule import States
from detector.cloudwatch.alarms.m_of_n import MissingData, StateValue
from detector.detection.explanations import plain_name

SHOWN_DATAPOINTS: Final = 5
SHOWN_ALARMS: Final = 5
_BYTES_OF_A_DATAPOINT: Final = 24


@dataclass(frozen=True, slots=True)
class EvaluatedRange:
    """What was read for one evaluation: the boundaries of the periods, and their values.

    There is one boundary more than ``values``; a value is ``None`` where a datapoint is missing.
    ``few_samples``: the newest period has too few samples for its percentile.
    """

    boundaries: Sequence[int]
    values: Sequence[float | None]
    few_samples: bool = False

    def datapoints(self, count: int) -> list[tuple[int, float]]:
        """Return the newest ``count`` datapoints that exist, oldest first."""
        found = [
            (start, value)
            for start, value in zip(self.boundaries, self.values, strict=False)
            if value is not None
        ]
        return found[-count:]


def aws_time(at_ms: int) -> str:
    """Format an instant as CloudWatch's JSON does: ``2026-11-25T04:00:00.000+0000``."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}+0000"


def metric_reason(alarm: MetricAlarm, reading: EvaluatedRange, state: StateValue) -> str:
    """Say which datapoints led to ``state``, and how many are needed."""
    required, seen = alarm.persistence.required, alarm.persistence.seen
    points = reading.datapoints(seen)
    rule = f"{alarm.comparison.sign} {alarm.threshold:g}"
    if not points:
        words = f"there is no datapoint in the last {len(reading.values)} periods"
        if state is not StateValue.INSUFFICIENT_DATA:
            words += f", and missing data is treated as {alarm.missing.value}"
        return words
    breaching = sum(alarm.comparison.breaches(value, alarm.threshold) for _, value in points)
    listed = ", ".join(
        f"{value:g} at {_clock(start)}" for start, value in points[-SHOWN_DATAPOINTS:]
    )
    words = (
        f"{breaching} of the newest {len(points)} datapoints breach {rule} [{listed}]; "
        f"ALARM needs {required} of {seen}"
    )
    lacking = seen - len(points)
    if lacking > 0 and alarm.missing in {MissingData.BREACHING, MissingData.NOT_BREACHING}:
        words += f", {lacking} missing are treated as {alarm.missing.value}"
    elif lacking > 0:
        words += f", {lacking} are missing"
    return words


def metric_reason_data(alarm: MetricAlarm, reading: EvaluatedRange, at_ms: int) -> str:
    """Return the numbers behind the reason as JSON."""
    points = reading.datapoints(alarm.persistence.seen)
    while True:
        document = {
            "version": "1.0",
            "queryDate": aws_time(at_ms),
            "startDate": aws_time(points[0][0] if points else reading.boundaries[0]),
            "statistic": alarm.statistic,
            "period": alarm.times.period_ms // 1000,
            "recentDatapoints": [value for _, value in points],
            "threshold": alarm.threshold,
            "evaluatedDatapoints": [
                {"timestamp": aws_time(start), "value": value} for start, value in reversed(points)
            ],
        }
        text = encoded(document)
        if len(text) <= REASON_DATA_CHARACTERS:
            return text
        points = points[1 + (len(text) - REASON_DATA_CHARACTERS) // _BYTES_OF_A_DATAPOINT // 4 :]


def composite_reason(alarm: CompositeAlarm, states: States, holds: bool) -> str:
    """Say whether the rule holds, and list the states of its alarms, those in ALARM first."""
    words = "the rule holds" if holds else "the rule does not hold"
    found = [(name, states(name)) for name in alarm.rule.children]
    found.sort(key=lambda each: each[1] is not StateValue.ALARM)
    listed = [
        f"{plain_name(name)} is in {state.value}" if state else f"{plain_name(name)} is gone"
        for name, state in found[:SHOWN_ALARMS]
    ]
    more = len(found) - len(listed)
    if more:
        listed.append(f"{more} more")
    return f"{words}: {', '.join(listed)}" if listed else words


def composite_reason_data(
    alarm: CompositeAlarm, states: States, since_ms: dict[str, int], arn_prefix: str
) -> str:
    """Return the alarms of the rule that are in ALARM, as ``triggeringAlarms``."""
    triggering = [
        {
            "arn": f"{arn_prefix}{name}",
            "state": {"value": "ALARM", "timestamp": aws_time(since_ms.get(name, 0))},
        }
        for name in alarm.rule.children
        if states(name) is StateValue.ALARM
    ]
    while len(text := encoded({"triggeringAlarms": triggering})) > REASON_DATA_CHARACTERS:
        triggering.pop()
    return text


def encoded(document: Any) -> str:
    """Return a document as JSON text."""
    return msgspec.json.encode(document).decode()


def _clock(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
