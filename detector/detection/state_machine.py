"""The state of an alarm from the results of its last windows.

Law: the state follows from the last ``seen`` results and the state before, by the table alone. An
alarm ends only when none of those windows met the condition (or too few of them are known), so it
cannot flap.

The last windows sum up (``WindowsSummary``) to the first of these that holds:

- ``OFTEN``: at least ``required`` of them met the condition;
- ``UNKNOWN``: so many are unknown that fewer than ``required`` others are left;
- ``SOME``: at least one met the condition or hinted at it;
- ``NONE``: none did.

Drawing, made from the table (states down, summaries across)::

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
    """What the last windows sum up to."""

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
        """Raise ``ValueError`` for numbers that no windows can meet."""
        if not 1 <= self.required <= self.seen:
            raise ValueError(
                f"{self.required} of {self.seen} windows required, expected 1 to {self.seen}"
            )


def summary_of(results: tuple[WindowResult, ...], persistence: Persistence) -> WindowsSummary:
    """Sum up the last windows."""
    met = results.count(WindowResult.MET)
    if met >= persistence.required:
        return WindowsSummary.OFTEN
    if results.count(WindowResult.UNKNOWN) > persistence.seen - persistence.required:
        return WindowsSummary.UNKNOWN
    return WindowsSummary.SOME if met or WindowResult.HINTED in results else WindowsSummary.NONE
