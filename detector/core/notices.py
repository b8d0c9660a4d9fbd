"""Notices: typed events about what happened inside the detector, named in the past tense.

Metrics and logs listen to the same notices. A notice covers a batch and not an event, so it costs
nothing on the hot path. Every loss has a reason.
"""

from collections.abc import Callable
from dataclasses import dataclass

from detector.core.vocabulary import (
    ActionKind,
    AlarmState,
    DeadLetterReason,
    Decision,
    Envelope,
    HistoryTrouble,
    Loss,
    OutcomeState,
    Refusal,
    ReportResult,
    RuleRejection,
    TimeSource,
)


@dataclass(frozen=True, slots=True)
class RecordsConsumed:
    """``count`` records of ``topic`` were read."""

    topic: str
    count: int


@dataclass(frozen=True, slots=True)
class RecordsDecoded:
    """``count`` records in ``envelope`` were decoded; ``outcome`` is event or empty."""

    envelope: Envelope
    outcome: str
    count: int


@dataclass(frozen=True, slots=True)
class TimesRead:
    """``count`` events took their time from ``source``."""

    source: TimeSource
    count: int


@dataclass(frozen=True, slots=True)
class EventsLost:
    """``count`` readable events are in no window, for ``reason``."""

    reason: Loss
    count: int


@dataclass(frozen=True, slots=True)
class EventsUnattributed:
    """``count`` events named no host or no zone, so no fleet table counts them."""

    count: int


@dataclass(frozen=True, slots=True)
class RecordDeadLettered:
    """One record was published to the dead-letter topic, for ``reason``."""

    reason: DeadLetterReason
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class PanesTallied:
    """``count`` panes of a source partition were published, closed by ``closed_by``."""

    closed_by: str
    count: int


@dataclass(frozen=True, slots=True)
class WatermarkMoved:
    """The lowest watermark of the owned partitions of ``topic`` is now ``time_ms`` (epoch ms)."""

    topic: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class TallyReceived:
    """A tally record was read; ``outcome`` is applied, duplicate, late or unreadable."""

    outcome: str


@dataclass(frozen=True, slots=True)
class WindowEvaluated:
    """One slide was merged and evaluated.

    ``duration_seconds`` is how long that took, ``delay_seconds`` is from window end to now.
    ``complete``: no pane of the window is missing.
    """

    subjects: int
    duration_seconds: float
    complete: bool
    delay_seconds: float


@dataclass(frozen=True, slots=True)
class ContributorsUntracked:
    """``count`` contributors met a condition in one slide, but the alarm store had no space."""

    count: int


@dataclass(frozen=True, slots=True)
class AlarmMoved:
    """An alarm of ``detector`` changed to ``state``; ``delay_seconds`` is from window end to now.

    ``shadow``: the detector runs in shadow mode, so the alarm does not count as raised.
    """

    detector: str
    alarm_id: str
    subject: str
    state: AlarmState
    delay_seconds: float
    sentence: str
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class ActionDecided:
    """The decider granted, observed or refused an action; ``refusal`` is the reason if refused."""

    kind: ActionKind
    verdict: Decision
    refusal: Refusal | None
    action_id: str
    sentence: str


@dataclass(frozen=True, slots=True)
class BudgetLevel:
    """A token bucket now holds ``tokens`` of ``capacity``.

    ``scope`` is ``global`` or ``fleet`` (the lowest one).
    """

    scope: str
    tokens: float
    capacity: float


@dataclass(frozen=True, slots=True)
class KillSwitchRead:
    """The kill switch was read; while it is not ``known`` it counts as ``engaged``."""

    engaged: bool
    known: bool


@dataclass(frozen=True, slots=True)
class OutcomeRecorded:
    """An executor reported ``state`` for an action of ``kind``."""

    kind: ActionKind
    state: OutcomeState
    action_id: str
    reason: str
    duration_seconds: float


@dataclass(frozen=True, slots=True)
class RulesRead:
    """The log of rule changes was read from its beginning.

    It held ``changes`` changes, of which ``passed_over`` were rejected, and leaves ``rules`` rules.
    """

    rules: int
    changes: int
    passed_over: int


@dataclass(frozen=True, slots=True)
class RuleChangeRead:
    """A rule changes from pane ``from_ms`` on, or the change was passed over for ``rejection``."""

    name: str
    kind: str
    version: str
    from_ms: int
    rejection: RuleRejection | None
    rules: int


@dataclass(frozen=True, slots=True)
class TallyingHeld:
    """Tallying waits until the control topic is readable (``held``), or continues."""

    held: bool


@dataclass(frozen=True, slots=True)
class RuleFlooded:
    """A rule began to flood, or stopped: ``flooding``.

    A rule floods while several panes in a row have more contributors than are counted exactly.
    ``rules`` is the number of flooding rules in this process.
    """

    rule: str
    version: str
    flooding: bool
    rules: int


@dataclass(frozen=True, slots=True)
class ReportsKept:
    """The history of reports processed ``count`` records of the reports topic with ``result``."""

    result: ReportResult
    count: int


@dataclass(frozen=True, slots=True)
class HistoryTroubled:
    """The history of reports met ``trouble``; ``reason`` gives the details."""

    trouble: HistoryTrouble
    reason: str


Notice = (
    RecordsConsumed
    | RecordsDecoded
    | TimesRead
    | EventsLost
    | EventsUnattributed
    | RecordDeadLettered
    | PanesTallied
    | WatermarkMoved
    | TallyReceived
    | WindowEvaluated
    | ContributorsUntracked
    | AlarmMoved
    | ActionDecided
    | BudgetLevel
    | KillSwitchRead
    | OutcomeRecorded
    | RulesRead
    | RuleChangeRead
    | TallyingHeld
    | RuleFlooded
    | ReportsKept
    | HistoryTroubled
)

NoticeListener = Callable[[Notice], None]
