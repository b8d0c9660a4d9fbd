"""The standing of one alarm: a state machine over the verdicts of its last windows.

Law: the state follows from the last ``seen`` verdicts and the state before, by the table alone. An
alarm is left only when none of those windows met the condition (or too few could say), so that it
cannot flap.

What the last windows amount to (``WindowsSummary``), the first that holds:

- ``OFTEN``: at least ``required`` of them met the condition;
- ``UNKNOWN``: so many could not say that ``required`` of the others are not left;
- ``SOME``: at least one met it, or hinted at it;
- ``NONE``: none did.

Drawing, made from the table (states down, signals across)::

                        OFTEN   UNKNOWN             SOME      NONE
    ok                  alarm   insufficient_data   pending   ok
    pending             alarm   insufficient_data   pending   ok
    alarm               alarm   insufficient_data   alarm     ok
    insufficient_data   alarm   insufficient_data   pending   ok
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from detector.core.vocabulary import AlarmState


class WindowResult(StrEnum):
    """What one window says of an alarm's condition."""

    MET = "met"
    HINTED = "hinted"
    NOT_MET = "not_met"
    UNKNOWN = "unknown"


class WindowsSummary(StrEnum):
    """What the last windows amount to."""

    OFTEN = "often"
    UNKNOWN = "unknown"
    SOME = "some"
    NONE = "none"


TRANSITIONS: Final[dict[AlarmState, dict[WindowsSummary, AlarmState]]] = {
    state: {
        WindowsSummary.OFTEN: AlarmState.ALARM,
        WindowsSummary.UNKNOWN: AlarmState.INSUFFICIENT_DATA,
        WindowsSummary.SOME: AlarmState.ALARM if state is AlarmState.ALARM else AlarmState.PENDING,
        WindowsSummary.NONE: AlarmState.OK,
    }
    for state in AlarmState
}


@dataclass(frozen=True, slots=True)
class Persistence:
    """The condition must hold in ``required`` (at least 1) of the last ``seen`` windows."""

    required: int
    seen: int

    def __post_init__(self) -> None:
        """Refuse numbers that could never be reached."""
        if not 1 <= self.required <= self.seen:
            raise ValueError(
                f"{self.required} of {self.seen} windows required, expected 1 to {self.seen}"
            )


@dataclass(frozen=True, slots=True)
class Standing:
    """State of one alarm and the verdicts of its last windows, the newest last."""

    state: AlarmState = AlarmState.OK
    verdicts: tuple[WindowResult, ...] = ()

    @property
    def windows_met(self) -> int:
        """In how many of the last windows the condition held."""
        return self.verdicts.count(WindowResult.MET)

    @property
    def is_forgettable(self) -> bool:
        """Say whether a new standing would behave the same."""
        return self.state is AlarmState.OK and self.windows_met == 0

    def after(self, verdict: WindowResult, persistence: Persistence) -> "Standing":
        """Return the standing after one more window."""
        verdicts = (*self.verdicts, verdict)[-persistence.seen :]
        return Standing(TRANSITIONS[self.state][summary_of(verdicts, persistence)], verdicts)

    def after_silence(self, persistence: Persistence) -> "Standing":
        """Return the standing after a whole window in which nothing was heard of the subject.

        No other window may follow soon, so what was seen before it counts no more.
        """
        calm = self.state is AlarmState.OK
        state = AlarmState.OK if calm else AlarmState.INSUFFICIENT_DATA
        return Standing(state, (WindowResult.UNKNOWN,) * persistence.seen)

    def after_gap(self, persistence: Persistence) -> "Standing":
        """Return the standing before a window that no evaluated window overlaps."""
        return Standing(self.state, (WindowResult.UNKNOWN,) * persistence.seen)


def summary_of(verdicts: tuple[WindowResult, ...], persistence: Persistence) -> WindowsSummary:
    """Sum up the last windows."""
    met = verdicts.count(WindowResult.MET)
    if met >= persistence.required:
        return WindowsSummary.OFTEN
    if verdicts.count(WindowResult.UNKNOWN) > persistence.seen - persistence.required:
        return WindowsSummary.UNKNOWN
    return WindowsSummary.SOME if met or WindowResult.HINTED in verdicts else WindowsSummary.NONE
