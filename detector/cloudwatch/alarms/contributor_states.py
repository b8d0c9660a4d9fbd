"""Alarms per contributor: one state per contributor, pending and recovery periods, a limit.

Law: the state of one contributor never counts for another; at most ``limit`` are in ALARM, the
worst first, and ``overflow`` counts the others that breach. An unknown window proves nothing: it
brings no contributor nearer to ALARM or to OK, and a pending period starts from the beginning.

State machine of one contributor (``held``: without a break for the pending period; ``calm``: not
breaching without a break for the recovery period; ``full``: ``limit`` contributors are in ALARM)::

                breaches      breaches, held           not yet calm    calm     unknown
    OK          OK (pending)  ALARM; full: overflow    (dropped)       -        (dropped)
    ALARM       ALARM         ALARM                    ALARM           OK       ALARM
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from detector.cloudwatch.alarms.alarm_model import ContributorAlarm, Measure
from detector.cloudwatch.alarms.alarm_state import (
    PARTIAL_DATA,
    ContributorState,
    MetricAlarmState,
    cut,
)
from detector.cloudwatch.alarms.evaluations import is_warm, still_warming
from detector.cloudwatch.alarms.m_of_n import StateValue
from detector.detection.explanations import plain_name

IN_ALARM: Final = 100
PENDING: Final = 200
"""Most contributors kept that breach and are not in ALARM; the longest first."""
KEY_CHARACTERS: Final = 256
ID_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class ContributorValue:
    """One contributor in a window: its whole key, and its value."""

    keys: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class ContributorWindow:
    """The contributors of a rule in the window that ends at an instant.

    ``labels`` name the keys; ``total`` is the sum over all contributors, listed or not.
    """

    labels: tuple[str, ...]
    total: float
    rows: tuple[ContributorValue, ...]


def contributor_id(keys: Iterable[str]) -> str:
    """Return 16 hexadecimal digits that identify a whole key."""
    whole = msgspec.json.encode(list(keys))
    return hashlib.sha256(whole).hexdigest()[:ID_CHARACTERS]


def attributes_of(alarm_state: MetricAlarmState, contributor: ContributorState) -> dict[str, str]:
    """Return the contributor's key values by their labels."""
    return dict(zip(alarm_state.labels, contributor.keys, strict=False))


def contributor_alarm_after(
    alarm: ContributorAlarm,
    alarm_state: MetricAlarmState,
    window: ContributorWindow | None,
    *,
    created_ms: int,
    at_ms: int,
    limit: int = IN_ALARM,
) -> MetricAlarmState:
    """Return the state after one window; ``window`` is ``None`` when it is not known."""
    if alarm.warm_up is not None and not alarm_state.warm:
        known = window is not None
        if not is_warm(alarm.warm_up, complete=known, created_ms=created_ms, at_ms=at_ms):
            return still_warming(alarm.warm_up, alarm_state, created_ms=created_ms, at_ms=at_ms)
        alarm_state = replace(alarm_state, warm=True)
    if window is None:
        return _unknown(alarm_state)
    breaching = _breaching(alarm, window)
    stayed, full = _tracked(alarm, alarm_state, breaching, at_ms), 0
    in_alarm = sum(each.state is StateValue.ALARM for each in stayed.values())
    for found, measured in breaching.values():
        before = stayed.get(found.id, found)
        held = at_ms - (before.breaching_since_ms or at_ms) >= alarm.pending_ms
        if before.state is StateValue.OK and held and in_alarm < limit:
            in_alarm += 1
            stayed[found.id] = _raised(alarm, before, measured, at_ms)
        elif before.state is StateValue.OK:
            full += held
            stayed[found.id] = before
    after = replace(
        alarm_state,
        labels=window.labels,
        contributors=_bounded(stayed.values()),
        overflow=full,
        evaluation_state=PARTIAL_DATA if full else "",
    )
    same_overflow = alarm_state.overflow == full
    return _summed_up(alarm, after, in_alarm, limit, at_ms, same_overflow=same_overflow)


def _unknown(alarm_state: MetricAlarmState) -> MetricAlarmState:
    kept = tuple(
        replace(each, breaching_since_ms=None, calm_since_ms=None)
        for each in alarm_state.contributors
        if each.state is StateValue.ALARM or each.muted
    )
    return replace(alarm_state, contributors=kept, overflow=0, evaluation_state=PARTIAL_DATA)


def _breaching(
    alarm: ContributorAlarm, window: ContributorWindow
) -> dict[str, tuple[ContributorState, float]]:
    """Return the contributors that breach, worst first, as new ones, and their measured values."""
    found = []
    for row in window.rows:
        measured = row.value
        if alarm.measure is Measure.SHARE:
            measured = row.value / window.total if window.total > 0 else 0.0
        if alarm.comparison.breaches(measured, alarm.threshold):
            found.append((measured, row.keys))
    found.sort(key=lambda each: (-abs(each[0] - alarm.threshold), each[1]))
    begun = {}
    for measured, keys in found:
        identity = contributor_id(keys)
        shown = tuple(cut(key, KEY_CHARACTERS) for key in keys)
        begun[identity] = (ContributorState(identity, shown, StateValue.OK, "", 0), measured)
    return begun


def _tracked(
    alarm: ContributorAlarm,
    alarm_state: MetricAlarmState,
    breaching: Mapping[str, tuple[ContributorState, float]],
    at_ms: int,
) -> dict[str, ContributorState]:
    """Return the kept contributors with their new times; new ones are pending."""
    tracked: dict[str, ContributorState] = {}
    for each in alarm_state.contributors:
        if each.id in breaching:
            since = at_ms if each.breaching_since_ms is None else each.breaching_since_ms
            tracked[each.id] = replace(each, breaching_since_ms=since, calm_since_ms=None)
        elif each.state is StateValue.ALARM:
            tracked[each.id] = _calmer(alarm, each, at_ms)
        elif each.muted:
            tracked[each.id] = replace(each, breaching_since_ms=None)
    for identity, (begun, _) in breaching.items():
        tracked.setdefault(identity, replace(begun, breaching_since_ms=at_ms))
    return tracked


def _calmer(alarm: ContributorAlarm, each: ContributorState, at_ms: int) -> ContributorState:
    since = at_ms if each.calm_since_ms is None else each.calm_since_ms
    if at_ms - since < alarm.recovery_ms:
        return replace(each, breaching_since_ms=None, calm_since_ms=since)
    reason = (
        f"its {alarm.measure.value} has not been {alarm.comparison.sign} {alarm.threshold:g} "
        f"for {(at_ms - since) // 1000} s"
    )
    return ContributorState(each.id, each.keys, StateValue.OK, reason, at_ms)


def _raised(
    alarm: ContributorAlarm, each: ContributorState, measured: float, at_ms: int
) -> ContributorState:
    held = (at_ms - (each.breaching_since_ms or at_ms)) // 1000
    reason = (
        f"its {alarm.measure.value} is {measured:g}, {alarm.comparison.sign} "
        f"{alarm.threshold:g} for {held} s"
    )
    return replace(each, state=StateValue.ALARM, reason=reason, transitioned_ms=at_ms)


def _bounded(contributors: Iterable[ContributorState]) -> tuple[ContributorState, ...]:
    """Keep all in ALARM, all that moved, and the first ``PENDING`` pending ones."""
    kept, pending = [], 0
    for each in contributors:
        if each.state is StateValue.OK and each.breaching_since_ms is not None:
            pending += 1
            if pending > PENDING:
                continue
        kept.append(each)
    return tuple(kept)


def _summed_up(
    alarm: ContributorAlarm,
    after: MetricAlarmState,
    in_alarm: int,
    limit: int,
    at_ms: int,
    *,
    same_overflow: bool,
) -> MetricAlarmState:
    state = StateValue.ALARM if in_alarm else StateValue.OK
    if state is after.state and same_overflow:
        return after
    words = f"{in_alarm} contributors of rule {plain_name(alarm.rule)} are in ALARM"
    if after.overflow:
        words += f", {after.overflow} more breach beyond the limit of {limit}"
    return after.moved(state, words, "", at_ms)
