"""Notices: what happened inside us, in the past tense.

Metrics and logs are listeners to the same notices.

A notice covers a batch, not an event, so that telling costs nothing on the hot path. Every loss
has a reason.
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
    """``count`` records in ``envelope`` were understood (``outcome`` event or empty)."""

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
class EventsWithoutHostOrZone:
    """``count`` events named no host or zone and so stand in no fleet table."""

    count: int


@dataclass(frozen=True, slots=True)
class RecordDeadLettered:
    """One record went to the dead letters, for ``reason``."""

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
    """The lowest watermark over the owned partitions of ``topic`` is now ``time_ms``."""

    topic: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class TallyReceived:
    """A tally record was ``applied``, a ``duplicate``, too ``late``, or ``unreadable``."""

    outcome: str


@dataclass(frozen=True, slots=True)
class WindowEvaluated:
    """One slide was merged and evaluated: subjects, seconds it took, whether complete."""

    subjects: int
    duration_seconds: float
    complete: bool
    delay_seconds: float


@dataclass(frozen=True, slots=True)
class ContributorsUntracked:
    """``count`` contributors met a condition in one slide while no standing was free for them."""

    count: int


@dataclass(frozen=True, slots=True)
class AlarmMoved:
    """An alarm of ``detector`` went to ``state``; ``delay_seconds`` is from window end to now.

    ``shadow``: the detector is only tried out, so the alarm does not count as raised.
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
    """The decider said ``verdict`` to an action of ``kind``; ``refusal`` says why not."""

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
    """The kill switch was found ``engaged`` (or not known, which counts as engaged)."""

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
    """The rules' log was read from its beginning: ``rules`` stand after ``changes`` of them."""

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
    """Tallying waits for the control topic to be readable (``held``), or goes on."""

    held: bool


@dataclass(frozen=True, slots=True)
class RuleFlooded:
    """A rule had more contributors than are counted exactly in several panes in a row, or no more.

    ``rules`` are flooding now in this process.
    """

    rule: str
    version: str
    flooding: bool
    rules: int


@dataclass(frozen=True, slots=True)
class ReportsKept:
    """``count`` records of the reports topic came to ``fate`` in the history of reports."""

    fate: ReportResult
    count: int


@dataclass(frozen=True, slots=True)
class HistoryTroubled:
    """The history of reports met ``trouble``; ``reason`` is what was found."""

    trouble: HistoryTrouble
    reason: str


Notice = (
    RecordsConsumed
    | RecordsDecoded
    | TimesRead
    | EventsLost
    | EventsWithoutHostOrZone
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
