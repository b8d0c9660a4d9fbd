"""Holding a composite alarm's actions while its suppressor is, or may soon be, in ALARM.

Law: what is held, and what happens when the hold ends, depends on the table alone. When a hold
ends, the actions of the present state run, unless that is also the last state whose actions ran:
the change was never published, so its end is not published either.

Inputs of one instant, the first that applies; a deadline that is set in an instant and has already
passed (periods of zero seconds) expires in the same instant:

- ``EXPIRED``: the deadline of the hold has passed (comes before the other inputs);
- ``SUPPRESSOR``: the suppressor is in ALARM;
- ``CHANGED``: the composite alarm changed its state;
- ``QUIET``: none of these.

``TRANSITIONS`` as a table (holds down, inputs across; ``!`` sets a deadline, ``*`` runs actions)::

                EXPIRED  SUPPRESSOR  CHANGED     QUIET
    free        -        suppressed  waiting!    free
    waiting     free*    suppressed  waiting!    waiting
    suppressed  -        suppressed  extended!   extended!
    extended    free*    suppressed  extended    extended

Source: CloudWatch User Guide, "Composite alarm action suppression".
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from detector.cloudwatch.alarms.alarm_model import Suppressor
from detector.cloudwatch.alarms.m_of_n import StateValue


class Hold(StrEnum):
    """Why actions are held; the values are CloudWatch's ``ActionsSuppressedBy``."""

    FREE = ""
    WAITING = "WaitPeriod"
    SUPPRESSED = "Alarm"
    EXTENDED = "ExtensionPeriod"


class SuppressionInput(StrEnum):
    """The input of an instant."""

    EXPIRED = "expired"
    SUPPRESSOR = "suppressor"
    CHANGED = "changed"
    QUIET = "quiet"


TRANSITIONS: Final[dict[Hold, dict[SuppressionInput, Hold]]] = {
    Hold.FREE: {
        SuppressionInput.SUPPRESSOR: Hold.SUPPRESSED,
        SuppressionInput.CHANGED: Hold.WAITING,
        SuppressionInput.QUIET: Hold.FREE,
    },
    Hold.WAITING: {
        SuppressionInput.EXPIRED: Hold.FREE,
        SuppressionInput.SUPPRESSOR: Hold.SUPPRESSED,
        SuppressionInput.CHANGED: Hold.WAITING,
        SuppressionInput.QUIET: Hold.WAITING,
    },
    Hold.SUPPRESSED: {
        SuppressionInput.SUPPRESSOR: Hold.SUPPRESSED,
        SuppressionInput.CHANGED: Hold.EXTENDED,
        SuppressionInput.QUIET: Hold.EXTENDED,
    },
    Hold.EXTENDED: {
        SuppressionInput.EXPIRED: Hold.FREE,
        SuppressionInput.SUPPRESSOR: Hold.SUPPRESSED,
        SuppressionInput.CHANGED: Hold.EXTENDED,
        SuppressionInput.QUIET: Hold.EXTENDED,
    },
}
SETS_DEADLINE: Final = {
    (Hold.FREE, SuppressionInput.CHANGED),
    (Hold.WAITING, SuppressionInput.CHANGED),
    (Hold.SUPPRESSED, SuppressionInput.CHANGED),
    (Hold.SUPPRESSED, SuppressionInput.QUIET),
}


@dataclass(frozen=True, slots=True)
class Suppression:
    """The hold of one composite alarm.

    ``acted``: the last state whose actions ran, or would have run if it had any. ``deadline_ms``
    counts for ``WAITING`` and ``EXTENDED``; ``since_ms`` is when the hold began.
    """

    acted: StateValue
    hold: Hold = Hold.FREE
    deadline_ms: int = 0
    since_ms: int = 0


def suppression_after(
    suppression: Suppression,
    suppressor: Suppressor,
    *,
    before: StateValue,
    after: StateValue,
    suppressor_in_alarm: bool,
    at_ms: int,
) -> tuple[Suppression, list[StateValue]]:
    """Return the hold after one instant, and the states whose actions run in it, in order.

    ``before`` and ``after`` are the composite alarm's states before and after the instant.
    """
    acts: list[StateValue] = []
    held = _expired(suppression, before, at_ms, acts)
    changed = before is not after
    signal = SuppressionInput.CHANGED if changed else SuppressionInput.QUIET
    if suppressor_in_alarm:
        signal = SuppressionInput.SUPPRESSOR
    held = _moved(held, signal, suppressor, at_ms)
    return _expired(held, after, at_ms, acts), acts


def _expired(
    held: Suppression, state: StateValue, at_ms: int, acts: list[StateValue]
) -> Suppression:
    if held.hold not in {Hold.WAITING, Hold.EXTENDED} or held.deadline_ms > at_ms:
        return held
    if state is not held.acted:
        acts.append(state)
    free = TRANSITIONS[held.hold][SuppressionInput.EXPIRED]
    return Suppression(acted=state, hold=free, since_ms=at_ms)


def _moved(
    held: Suppression, signal: SuppressionInput, suppressor: Suppressor, at_ms: int
) -> Suppression:
    hold = TRANSITIONS[held.hold][signal]
    since_ms = held.since_ms if hold is held.hold else at_ms
    if (held.hold, signal) in SETS_DEADLINE:
        length = suppressor.wait_ms if hold is Hold.WAITING else suppressor.extension_ms
        return replace(held, hold=hold, deadline_ms=at_ms + length, since_ms=since_ms)
    return replace(held, hold=hold, since_ms=since_ms)


def suppression_words(suppression: Suppression, suppressor: Suppressor) -> str:
    """Say why actions are held; empty when they are not."""
    if suppression.hold is Hold.FREE:
        return ""
    if suppression.hold is Hold.SUPPRESSED:
        return f"suppressor alarm {suppressor.alarm} is in ALARM"
    if suppression.hold is Hold.WAITING:
        seconds = suppressor.wait_ms // 1000
        return f"waiting up to {seconds} s for suppressor alarm {suppressor.alarm}"
    seconds = suppressor.extension_ms // 1000
    return f"suppressor alarm {suppressor.alarm} left ALARM less than {seconds} s ago"
