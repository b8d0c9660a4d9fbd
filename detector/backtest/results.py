"""Results of a backtest: which alarms fired, which actions were decided, and at what cost."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from detector.core.vocabulary import ActionKind, AlarmState, Decision
from detector.decisions.actions import DecisionRecord
from detector.decisions.decide import DecisionResult
from detector.detection.alarms import AlarmChange, Target
from detector.ingest.intake import IntakeResult
from detector.tables.reports import Report

BACKTEST_SCHEMA = "detector.backtest.v1"

MAX_LISTED = 10_000
"""Most alarms, and most decisions, that a result lists."""

_DAY_MS = 86_400_000


class Firing(msgspec.Struct):
    """An alarm that was raised; ``ended_at`` is ``None`` while it is active. Times in epoch ms."""

    raised_at: int
    ended_at: int | None
    alarm_id: str
    detector: str
    subject: str
    contributor: tuple[str, ...]
    target: Target | None
    confirmed: bool
    shadow: bool
    sentence: str


class DecidedRow(msgspec.Struct, frozen=True):
    """A decision; ``observe`` and ``enforce`` hold it for either mode. Time in epoch ms."""

    at: int
    kind: ActionKind
    target: Target | None
    observe: Decision
    enforce: Decision
    refusal: str
    sentence: str


class Cost(msgspec.Struct, frozen=True):
    """The capacity that enforcing would have removed.

    ``hosts_replaced`` counts replacements, ``distinct_hosts`` the hosts among them;
    ``zone_shifts`` counts zones taken out of service, and ``zone_hosts`` the hosts in them.
    ``share`` is the hosts replaced over the largest fleet that was seen, 0 without any.
    """

    hosts_replaced: int
    distinct_hosts: int
    zone_shifts: int
    zone_hosts: int
    largest_fleet: int
    share: float


class Result(msgspec.Struct, frozen=True):
    """The result of one configuration on a recording. Times in epoch ms; rates per 24 hours.

    ``unreadable`` and ``rulings_by_refusal`` count by reason; ``late`` counts events that arrived
    after their pane had closed.
    """

    schema: str
    configuration: str
    from_ms: int
    until_ms: int
    records: int
    unreadable: dict[str, int]
    late: int
    windows: int
    incomplete_windows: int
    alarms: int
    alarms_by_detector: dict[str, int]
    alarms_per_day: float
    granted: int
    granted_per_day: float
    refused: int
    rulings_by_refusal: dict[str, int]
    cost: Cost
    fired: list[Firing]
    rulings: list[DecidedRow]
    unlisted: int


class Scorer:
    """Adds up the output of one configuration, step by step."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._unreadable: Counter[str] = Counter()
        self._late = 0
        self._windows = 0
        self._incomplete = 0
        self._slide = 0
        self._fired: list[Firing] = []
        self._active: dict[str, Firing] = {}
        self._alarms: Counter[str] = Counter()
        self._rows: list[DecidedRow] = []
        self._verdicts: Counter[Decision] = Counter()
        self._refusals: Counter[str] = Counter()
        self._replaced: Counter[str] = Counter()
        self._shifted: list[int] = []
        self._largest_fleet = 0
        self._unlisted = 0

    def add_intake(self, result: IntakeResult) -> None:
        """Count the records that could not be read."""
        self._unreadable.update(refused.reason.value for _, refused in result.dead)

    def add(
        self,
        changes: Sequence[AlarmChange],
        reports: Sequence[Report],
        results: Sequence[DecisionResult],
    ) -> None:
        """Add the output of one step."""
        for report in reports:
            self._add_report(report)
        for change in changes:
            self._add_change(change)
        for result in results:
            self._add_decision(result.decision)

    def result(self, first_ms: int | None, last_ms: int, records: int) -> Result:
        """Return the result for records from ``first_ms`` to ``last_ms``."""
        start = 0 if first_ms is None else first_ms
        until = last_ms + 1 if records else start
        days = max(until - start, 1) / _DAY_MS
        granted = self._verdicts[Decision.GRANTED]
        replaced = self._replaced.total()
        return Result(
            schema=BACKTEST_SCHEMA,
            configuration=self._name,
            from_ms=start,
            until_ms=until,
            records=records,
            unreadable=_sorted(self._unreadable),
            late=self._late,
            windows=self._windows,
            incomplete_windows=self._incomplete,
            alarms=self._alarms.total(),
            alarms_by_detector=_sorted(self._alarms),
            alarms_per_day=round(self._alarms.total() / days, 3),
            granted=granted,
            granted_per_day=round(granted / days, 3),
            refused=self._verdicts[Decision.REFUSED],
            rulings_by_refusal=_sorted(self._refusals),
            cost=Cost(
                hosts_replaced=replaced,
                distinct_hosts=len(self._replaced),
                zone_shifts=len(self._shifted),
                zone_hosts=sum(self._shifted),
                largest_fleet=self._largest_fleet,
                share=round(replaced / max(1, self._largest_fleet), 6),
            ),
            fired=self._fired,
            rulings=self._rows,
            unlisted=self._unlisted,
        )

    def _add_report(self, report: Report) -> None:
        if report.subject.startswith("fleet:"):
            self._largest_fleet = max(self._largest_fleet, round(report.totals["hosts"]))
        if report.window_end != self._slide:
            self._slide = report.window_end
            self._windows += 1
            self._incomplete += not report.complete
            # Every report of a slide has the same number.
            self._late += report.late

    def _add_change(self, change: AlarmChange) -> None:
        active = self._active.get(change.alarm_id)
        if change.state is not AlarmState.ALARM:
            if active is not None:
                active.ended_at = change.changed_at
                del self._active[change.alarm_id]
        elif active is not None:
            active.confirmed |= change.evidence.confirmed
        else:
            self._raise(change)

    def _raise(self, change: AlarmChange) -> None:
        firing = Firing(
            raised_at=change.changed_at,
            ended_at=None,
            alarm_id=change.alarm_id,
            detector=change.detector,
            subject=change.subject,
            contributor=change.contributor,
            target=change.target,
            confirmed=change.evidence.confirmed,
            shadow=change.shadow,
            sentence=change.sentence,
        )
        self._active[change.alarm_id] = firing
        self._alarms[change.detector] += 1
        if len(self._fired) < MAX_LISTED:
            self._fired.append(firing)
        else:
            self._unlisted += 1

    def _add_decision(self, decision: DecisionRecord) -> None:
        granted = decision.verdict is Decision.GRANTED
        refusal = decision.refusal.value if decision.refusal is not None else ""
        self._verdicts[decision.verdict] += 1
        if refusal:
            self._refusals[refusal] += 1
        if granted and decision.target is not None:
            if decision.kind is ActionKind.SHIFT_AWAY:
                self._shifted.append(decision.evidence.zone_hosts)
            else:
                self._replaced[decision.target.key] += 1
        if len(self._rows) < MAX_LISTED:
            self._rows.append(
                DecidedRow(
                    at=round(decision.decided_at * 1000),
                    kind=decision.kind,
                    target=decision.target,
                    observe=Decision.OBSERVED if granted else decision.verdict,
                    enforce=decision.verdict,
                    refusal=refusal,
                    sentence=decision.sentence,
                )
            )
        else:
            self._unlisted += 1


class Difference(msgspec.Struct, frozen=True):
    """First alarm and grant of a contributor in results a and b; ``None``: never. Epoch ms."""

    subject: str
    contributor: tuple[str, ...]
    first_raised_a: int | None
    first_raised_b: int | None
    granted_a: int | None
    granted_b: int | None


def differences(a: Result, b: Result) -> list[Difference]:
    """Return the contributors whose first alarm or grant differs between two results.

    Alarms are matched by subject and contributor, whatever detector raised them; grants by the
    target of the alarm.
    """
    raised = [_first_raised(result) for result in (a, b)]
    found = []
    for key in sorted(raised[0].keys() | raised[1].keys()):
        sides = [each.get(key) for each in raised]
        grants = [
            _first_granted(result, firing) for result, firing in zip((a, b), sides, strict=True)
        ]
        times = [None if firing is None else firing.raised_at for firing in sides]
        if times[0] != times[1] or grants[0] != grants[1]:
            found.append(Difference(*key, *times, *grants))
    return found


def _first_raised(result: Result) -> dict[tuple[str, tuple[str, ...]], Firing]:
    first: dict[tuple[str, tuple[str, ...]], Firing] = {}
    for firing in result.fired:
        first.setdefault((firing.subject, firing.contributor), firing)
    return first


def _first_granted(result: Result, firing: Firing | None) -> int | None:
    if firing is None or firing.target is None:
        return None
    granted = (
        row.at
        for row in result.rulings
        if row.enforce is Decision.GRANTED and row.target == firing.target
    )
    return min(granted, default=None)


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
