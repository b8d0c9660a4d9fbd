"""What users put: metric alarms, alarms per contributor, composite alarms.

These are the checked, typed forms; ``requests.py`` makes them from the members of a request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from detector.cloudwatch.alarms.composite_rule import CompositeRule
from detector.cloudwatch.alarms.evaluation_times import EvaluationTimes
from detector.cloudwatch.alarms.m_of_n import ComparisonOperator, MissingData, StateValue
from detector.cloudwatch.metrics.program import Program
from detector.cloudwatch.metrics.series import Metric
from detector.detection.persistence import Persistence


class AlarmKind(StrEnum):
    """CloudWatch's two types of alarm that exist here."""

    METRIC = "MetricAlarm"
    COMPOSITE = "CompositeAlarm"


@dataclass(frozen=True, slots=True)
class Actions:
    """The targets that are notified of a change, by the state that was entered; at most five each.

    ``tag_keys`` names the tags of the alarm that go with it: ``None`` none, ``()`` all.
    """

    enabled: bool = True
    ok: tuple[str, ...] = ()
    alarm: tuple[str, ...] = ()
    insufficient_data: tuple[str, ...] = ()
    tag_keys: tuple[str, ...] | None = None
    without_tag_keys: tuple[str, ...] = ()

    def of(self, state: StateValue) -> tuple[str, ...]:
        """Return the actions of entering ``state``."""
        if state is StateValue.ALARM:
            return self.alarm
        return self.ok if state is StateValue.OK else self.insufficient_data

    def notification_tags(self, tags: Mapping[str, str]) -> dict[str, str]:
        """Return those of the alarm's tags that go with its actions."""
        if self.tag_keys is None:
            return {}
        wanted = set(self.tag_keys or tags) - set(self.without_tag_keys)
        return {key: value for key, value in tags.items() if key in wanted}


@dataclass(frozen=True, slots=True)
class WarmUp:
    """How long a new alarm stays in INSUFFICIENT_DATA; ``whole``: even when its data is there."""

    length_ms: int
    whole: bool = False


@dataclass(frozen=True, slots=True)
class MetricWatch:
    """One metric, without an expression.

    With ``low_samples`` the state is kept while the newest period of ``samples`` has fewer.
    """

    metric: Metric
    samples: Metric | None = None
    low_samples: float = 0.0


@dataclass(frozen=True, slots=True)
class ExpressionWatch:
    """The result ``returned`` of a program of metrics and expressions."""

    program: Program
    returned: str


@dataclass(frozen=True, slots=True)
class MetricAlarm:
    """One series against one threshold: M of N. Reasons name the series by ``statistic``."""

    name: str
    actions: Actions
    watch: MetricWatch | ExpressionWatch
    times: EvaluationTimes
    persistence: Persistence
    missing: MissingData
    comparison: ComparisonOperator
    threshold: float
    statistic: str
    warm_up: WarmUp | None = None


class Measure(StrEnum):
    """What is compared with the threshold: a contributor's value, or its share of the sum."""

    VALUE = "value"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class ContributorAlarm:
    """Every contributor of a rule against one threshold, each with its own state.

    A contributor enters ALARM after it has breached for ``pending_ms`` without a break, and OK
    again after it has not breached for ``recovery_ms`` without a break.
    """

    name: str
    actions: Actions
    rule: str
    measure: Measure
    comparison: ComparisonOperator
    threshold: float
    pending_ms: int
    recovery_ms: int
    step_ms: int
    warm_up: WarmUp | None = None


@dataclass(frozen=True, slots=True)
class Suppressor:
    """The alarm that suppresses a composite alarm's actions; how long to wait before and after."""

    alarm: str
    wait_ms: int
    extension_ms: int


@dataclass(frozen=True, slots=True)
class CompositeAlarm:
    """An alarm over the states of other alarms."""

    name: str
    actions: Actions
    rule: CompositeRule
    suppressor: Suppressor | None = None


Alarm = MetricAlarm | ContributorAlarm | CompositeAlarm


def kind_of(alarm: Alarm) -> AlarmKind:
    """Return CloudWatch's type of an alarm."""
    return AlarmKind.COMPOSITE if isinstance(alarm, CompositeAlarm) else AlarmKind.METRIC
