"""The state of an alarm: its value, the reason, since when, and which actions are held back.

This is all that is kept of an alarm besides its configuration; it is plain data.
"""

from dataclasses import dataclass, replace
from typing import Final

from detector.cloudwatch.alarms.alarm_model import (
    Alarm,
    CompositeAlarm,
    ContributorAlarm,
)
from detector.cloudwatch.alarms.m_of_n import StateValue
from detector.cloudwatch.alarms.suppression import Suppression

REASON_CHARACTERS: Final = 1_023
REASON_DATA_CHARACTERS: Final = 4_000
NOT_EVALUATED: Final = "not evaluated yet: the alarm was just created"
PARTIAL_DATA: Final = "PARTIAL_DATA"
EVALUATION_ERROR: Final = "EVALUATION_ERROR"


@dataclass(frozen=True, slots=True)
class ContributorState:
    """One contributor of an alarm.

    ``breaching_since_ms`` and ``calm_since_ms`` are ``None`` while it does not breach, or is not
    calm. ``muted``: the actions of its state wait for the end of a mute rule.
    """

    id: str
    keys: tuple[str, ...]
    state: StateValue
    reason: str
    transitioned_ms: int
    breaching_since_ms: int | None = None
    calm_since_ms: int | None = None
    muted: bool = False


@dataclass(frozen=True, slots=True)
class MetricAlarmState:
    """One alarm; times are epoch milliseconds.

    ``warm``: its warm-up is over. ``muted``: the state whose actions wait for the end of a mute
    rule. ``overflow``: contributors beyond the limit that would be in ALARM.
    """

    state: StateValue
    reason: str
    updated_ms: int
    transitioned_ms: int
    reason_data: str = ""
    warm: bool = False
    evaluation_state: str = ""
    muted: StateValue | None = None
    suppression: Suppression | None = None
    labels: tuple[str, ...] = ()
    contributors: tuple[ContributorState, ...] = ()
    overflow: int = 0

    def moved(
        self, state: StateValue, reason: str, reason_data: str, at_ms: int
    ) -> "MetricAlarmState":
        """Return the alarm in ``state``; the reason is cut to what the API may carry."""
        return replace(
            self,
            state=state,
            reason=cut(reason, REASON_CHARACTERS),
            reason_data=reason_data,
            updated_ms=at_ms,
            transitioned_ms=at_ms if state is not self.state else self.transitioned_ms,
        )


def cut(text: str, characters: int) -> str:
    """Return ``text``, cut to at most ``characters``."""
    return text if len(text) <= characters else f"{text[: characters - 1]}…"


def first_state(alarm: Alarm, at_ms: int) -> MetricAlarmState:
    """Return the state of an alarm that was just created.

    INSUFFICIENT_DATA, or OK for an alarm per contributor that does not warm up.
    """
    calm = isinstance(alarm, ContributorAlarm) and alarm.warm_up is None
    state = StateValue.OK if calm else StateValue.INSUFFICIENT_DATA
    suppression = None
    if isinstance(alarm, CompositeAlarm) and alarm.suppressor is not None:
        suppression = Suppression(acted=state)
    return MetricAlarmState(state, NOT_EVALUATED, at_ms, at_ms, suppression=suppression)
