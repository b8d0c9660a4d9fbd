"""What users put: metric alarms, alarms per contributor, composite alarms.

These are the checked, typed forms; ``alarm_members.py`` and ``composite_members.py`` make them from
a request's members.
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
    """Whom a change of state is told, by the state that was entered; at most five each.

    ``tag_keys`` of the alarm's tags go with it: ``None`` none, ``()`` all.
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
    """How long a new alarm stays in INSUFFICIENT_DATA; ``whole``: also when the data is there."""

    length_ms: int
    whole: bool = False


@dataclass(frozen=True, slots=True)
class MetricWatch:
    """One metric as it stands.

    With ``low_samples`` the state is kept while the newest period of ``samples`` has fewer.
    """

    metric: Metric
    samples: Metric | None = None
    low_samples: float = 0.0


@dataclass(frozen=True, slots=True)
class ExpressionWatch:
    """The result ``returned`` of metrics and expressions."""

    program: Program
    returned: str


@dataclass(frozen=True, slots=True)
class MetricAlarm:
    """One series against one threshold: M of N. ``statistic`` is how reasons name the series."""

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
    """What of a contributor is held against the threshold: its value, or its part of the sum."""

    VALUE = "value"
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class ContributorAlarm:
    """Every contributor of a rule against one threshold, each with a standing of its own.

    A contributor is in ALARM after ``pending_ms`` of breaching without a break and in OK again
    after ``recovery_ms`` of not breaching without a break.
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
    """The alarm that holds a composite alarm's actions, and for how long around its own ALARM."""

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
