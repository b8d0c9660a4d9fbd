"""Builds the screen's view from the demo's state; escapes all text from producers."""

from collections.abc import Sequence
from itertools import chain

from detector.core.safe_text import escape_controls
from detector.core.vocabulary import ActionKind, AlarmState
from detector.decisions.budgets import BucketLimits
from detector.demo.lines import action_text, alarm_text, clock, reason_text, story
from detector.demo.screen import (
    EntryView,
    HostRow,
    PhaseView,
    ScreenView,
    ServiceRows,
    ZoneView,
)
from detector.demo.state import DemoState
from detector.detection.alarms import AlarmChange
from detector.gameday.fleet import Fleet
from detector.tables.reports import Report, ReportContributor

SHOWN = 12
_PHASE_NAMES = {
    "gray_host": "gray host",
    "gray_zone": "gray zone",
    "second_gray_zone": "second gray zone, refused",
}
_ACTIVE_STATES = (AlarmState.ALARM, AlarmState.PENDING)
_HOST_KEYS = 2


def setting_up(seed: int, steps: Sequence[tuple[str, str]], seconds: float) -> ScreenView:
    """Return the view of the set-up: its steps with their states."""
    return ScreenView(
        title=title(seed),
        elapsed=clock(seconds),
        story="setting up: an embedded broker, its topics, one worker, one actuator",
        setting_up=tuple(EntryView("", word, escape_controls(text)) for text, word in steps),
    )


def title(seed: int) -> str:
    """Return the title line."""
    return f"detector demo, seed {seed}"


def running(
    state: DemoState, fleet: Fleet, bucket: BucketLimits, footer: Sequence[str], now: float
) -> ScreenView:
    """Return the view at epoch second ``now``; ``bucket`` limits the actions of each fleet."""
    start = state.script.start_ms / 1000
    return ScreenView(
        title=title(fleet.seed),
        elapsed=clock(now - start),
        phases=_phases(state, now),
        story=escape_controls(story(state, now)),
        figures=_figures(state),
        zones=_zones(state, fleet) if state.reports else (),
        alarms=_alarms(state, start),
        decisions=tuple(
            EntryView(
                clock(decision.decided_at - start),
                decision.verdict.value,
                action_text(decision.kind, decision.target),
                reason_text(decision),
            )
            for decision in list(reversed(state.decisions))[:SHOWN]
        ),
        budget=_budget(state, bucket),
        outcomes=tuple(
            EntryView(
                clock(outcome.at - start),
                outcome.state.value,
                action_text(outcome.kind, outcome.target),
            )
            for outcome in list(reversed(state.outcomes))[:SHOWN]
        ),
        footer=tuple(escape_controls(line) for line in footer),
    )


def _phases(state: DemoState, now: float) -> tuple[PhaseView, ...]:
    at_ms = int(now * 1000)
    phases = state.script.phases
    current = state.script.phase_at(at_ms)
    begun = at_ms >= phases[0].from_ms
    over = at_ms >= state.script.end_ms
    views = [PhaseView("healthy", 1 if begun else 0)]
    for phase in phases:
        progress = 0 if phase is current else (1 if phase.until_ms <= at_ms else -1)
        views.append(PhaseView(_PHASE_NAMES.get(phase.name, phase.name), progress))
    return (*views, PhaseView("healthy again", 0 if over else -1))


def _figures(state: DemoState) -> str:
    delay = state.delay_seconds
    requests = sum(report.totals.get("requests", 0.0) for report in state.reports.values())
    return "  ".join(
        (
            f"{state.events_per_second:,.0f} events/s",
            f"{state.events:,} written",
            f"{requests:,.0f} in window",
            f"event-time delay {'-' if delay is None else f'{delay:.1f} s'}",
            f"late {state.late}",
            f"dead letters {state.dead_letters}",
        )
    )


def _zones(state: DemoState, fleet: Fleet) -> tuple[ZoneView, ...]:
    return tuple(
        ZoneView(
            name=f"{zone.zone_id} {zone.zone_name}",
            state=_zone_state(state, zone.zone_id),
            services=tuple(
                _service(service, report, zone.zone_id)
                for service, report in sorted(state.reports.items())
            ),
        )
        for zone in fleet.zones
    )


def _service(service: str, report: Report, zone: str) -> ServiceRows:
    # The keys of a fleet's contributors are zone and host.
    own = [c for c in report.contributors if len(c.keys) == _HOST_KEYS and c.keys[0] == zone]
    return ServiceRows(
        escape_controls(service), sum(c.share for c in own), tuple(map(_host, own[:SHOWN]))
    )


def _host(contributor: ReportContributor) -> HostRow:
    return HostRow(escape_controls(contributor.keys[1]), contributor.share, contributor.value)


def _zone_state(state: DemoState, zone: str) -> str:
    """Return ``away`` if traffic was shifted away, else the worst state of the zone's alarms."""
    if any(
        action.kind is ActionKind.SHIFT_AWAY and action.target.zone == zone
        for action in state.actions.values()
    ):
        return "away"
    states = {
        change.state
        for change, _ in state.alarms.values()
        if change.target is not None and change.target.zone == zone and not change.target.host
    }
    return next((state.value for state in _ACTIVE_STATES if state in states), "")


def _alarms(state: DemoState, start: float) -> tuple[EntryView, ...]:
    """Return alarms in ALARM, then pending ones, then those that have ended.

    Within each group, alarms that request an action come first, then the newest.
    """
    newest = sorted(state.alarms.values(), key=lambda known: (known[0].action is None, -known[1]))
    by_rank: tuple[list[tuple[AlarmChange, float]], ...] = ([], [], [])
    for change, at in newest:
        if change.state in _ACTIVE_STATES:
            by_rank[_ACTIVE_STATES.index(change.state)].append((change, at))
        elif change.previous is AlarmState.ALARM:
            by_rank[-1].append((change, at))
    return tuple(
        EntryView(clock(at - start), change.state.value, alarm_text(change))
        for change, at in list(chain.from_iterable(by_rank))[:SHOWN]
    )


def _budget(state: DemoState, bucket: BucketLimits) -> tuple[str, ...]:
    if not state.budgets:
        return (
            f"untouched: {bucket.capacity:g} actions per service,",
            f"one more every {1 / bucket.refill_per_second:.0f} s",
        )
    lines = []
    for scope, budget in sorted(state.budgets.items()):
        removed = sum(
            action.kind is ActionKind.REPLACE_HOST and action.budget.scope == scope
            for action in state.actions.values()
        )
        lines.append(
            f"{scope.removeprefix('fleet:')} {budget.tokens_after:.1f}/{bucket.capacity:g} tokens "
            f"{removed}/{budget.capacity_limit} hosts"
        )
    away = {a.target.zone for a in state.actions.values() if a.kind is ActionKind.SHIFT_AWAY}
    if away:
        lines.append(f"zones away: {', '.join(sorted(away))}, at most 1")
    return tuple(map(escape_controls, lines))
