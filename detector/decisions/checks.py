"""The chain of checks between an alarm and an action.

Law: every check of a chain runs and is recorded with what it saw and what it demanded, even after
one has failed. A check is named after its refusal, and the first failed check gives the refusal.
An unknown value fails its check.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from detector.core.vocabulary import ActionKind, Culprit, Refusal
from detector.decisions.actions import Check
from detector.decisions.budgets import at_least_one, healthy_needed
from detector.decisions.config import DecideConfig
from detector.decisions.kill_switch import ControlView
from detector.decisions.zones import ShiftsInForce, hosts_left, zones_left
from detector.detection.alarms import AlarmChange, Target

MAX_NAME_CHARACTERS = 255
# A target is one host or one zone: a wildcard, list or pattern is not a name.
_FORBIDDEN = frozenset("*?,;|[]{}()<>\\\"'`$")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInput:
    """Everything that the chain checks for one active alarm. Ages and cool-downs in seconds.

    ``acted`` says why the target counts as acted upon (empty when it does not). ``zone_alarm``: a
    zone alarm is active for the target's zone. ``sick`` counts the fleet's suspect hosts;
    ``removed_fleet`` and ``removed_zone`` count the hosts whose removal was granted within the
    capacity window.
    """

    change: AlarmChange
    kind: ActionKind
    age_seconds: float
    control: ControlView
    shifts: ShiftsInForce
    acted: str = ""
    zone_alarm: bool = False
    sick: int = 0
    removed_fleet: int = 0
    removed_zone: int = 0
    cool_down_remaining: float = 0.0
    fleet_tokens: float = 0.0
    global_tokens: float = 0.0
    ledger_full: bool = False


def chain(check_input: CheckInput, config: DecideConfig) -> tuple[Check, ...]:
    """Run every check for the kind of action, in the order in which they refuse."""
    local = _zone_checks if check_input.kind is ActionKind.SHIFT_AWAY else _host_checks
    return (
        *_evidence_checks(check_input, config),
        *local(check_input, config),
        *_budget_checks(check_input),
    )


def first_refusal(checks: Sequence[Check]) -> Refusal | None:
    """Return the refusal of the first failed check; ``None`` if all passed."""
    return next((Refusal(check.name) for check in checks if not check.passed), None)


def target_fault(kind: ActionKind, target: Target | None) -> str:
    """Say why ``target`` is not exactly one host or zone for ``kind``; empty if it is."""
    if target is None:
        return "no target"
    wants_host = kind is ActionKind.REPLACE_HOST
    if wants_host != bool(target.host):
        return "no host" if wants_host else f"host {target.host[:MAX_NAME_CHARACTERS]!r}"
    named = {"service": target.service, "zone": target.zone}
    if wants_host:
        named["host"] = target.host
    for what, name in named.items():
        if not name.strip():
            return f"empty {what}"
        if len(name) > MAX_NAME_CHARACTERS:
            return f"{what} of {len(name)} characters"
        if _FORBIDDEN.intersection(name) or not name.isprintable():
            return f"{what} {name!r}"
    return ""


def _check(refusal: Refusal, passed: bool, saw: str, demanded: str) -> Check:
    return Check(refusal.value, passed, saw, demanded)


def _evidence_checks(check_input: CheckInput, config: DecideConfig) -> list[Check]:
    evidence = check_input.change.evidence
    control = check_input.control
    age, oldest = check_input.age_seconds, config.evidence_max_age_seconds
    fault = target_fault(check_input.kind, check_input.change.target)
    gates = f", failed gates {', '.join(evidence.failed_gates)}" if evidence.failed_gates else ""
    missing = f", missing {len(evidence.missing_partitions)}" if evidence.missing_partitions else ""
    return [
        _check(
            Refusal.KILL_SWITCH,
            control.allows,
            f"{control.state}: {control.reason}",
            "known and off",
        ),
        _check(
            Refusal.NOT_CONFIRMED,
            evidence.confirmed,
            f"confirmed {evidence.confirmed}, p-value {evidence.p_value:.3g}{gates}",
            "the share test or the zone test agrees",
        ),
        _check(
            Refusal.INCOMPLETE_DATA,
            evidence.complete and not evidence.partial,
            f"complete {evidence.complete}, partial {evidence.partial}{missing}",
            "a complete window",
        ),
        _check(
            Refusal.STALE_EVIDENCE,
            abs(age) <= oldest,
            f"window ended {age:.1f} s ago",
            f"at most {oldest:g} s",
        ),
        _check(Refusal.NO_TARGET, not fault, fault or "one target", "exactly one named target"),
        _check(
            Refusal.ALREADY_ACTED,
            not check_input.acted,
            check_input.acted or "not acted upon",
            f"no action on the same target within {config.repeat_after_seconds:g} s",
        ),
    ]


def _host_checks(check_input: CheckInput, config: DecideConfig) -> list[Check]:
    evidence, target = check_input.change.evidence, check_input.change.target
    hosts, removed = evidence.fleet_hosts, check_input.removed_fleet
    zone = target.zone if target else ""
    away = check_input.shifts.is_away(zone)
    verdict = check_input.change.verdict
    stands_out = verdict is not None and verdict.kind is Culprit.ZONE
    most_sick = max(config.too_many_sick_hosts, at_least_one(config.too_many_sick_fraction, hosts))
    left, needed = hosts - removed - 1, healthy_needed(config.healthy_floor, hosts)
    fleet_limit, zone_limit = config.capacity.fleet_limit(hosts), config.capacity.zone_limit(hosts)
    return [
        _check(
            Refusal.ZONE_IMPAIRED,
            not (away or check_input.zone_alarm or stands_out),
            f"zone away {away}, zone alarm {check_input.zone_alarm}, verdict zone {stands_out}",
            "none of them",
        ),
        _fleet_known(check_input),
        _check(
            Refusal.TOO_MANY_SICK,
            check_input.sick <= most_sick and not evidence.fleet_event,
            f"{check_input.sick} sick of {hosts}, fleet event {evidence.fleet_event}",
            f"at most {most_sick} sick, no fleet event",
        ),
        _rested(check_input),
        _check(
            Refusal.HEALTHY_FLOOR,
            left >= needed,
            f"{left} of {hosts} hosts left after it, {removed} removed before",
            f"at least {needed}",
        ),
        _check(
            Refusal.CAPACITY_SPENT,
            removed < fleet_limit and check_input.removed_zone < zone_limit,
            f"removed {removed} in the fleet, {check_input.removed_zone} in the zone",
            f"fewer than {fleet_limit} and {zone_limit} per {config.capacity.window_seconds:g} s",
        ),
    ]


def _zone_checks(check_input: CheckInput, config: DecideConfig) -> list[Check]:
    evidence, target, shifts = (
        check_input.change.evidence,
        check_input.change.target,
        check_input.shifts,
    )
    zone, service = (target.zone, target.service) if target else ("", "")
    others = shifts.others(zone)
    left = zones_left(evidence.zones)
    serving = hosts_left(evidence.fleet_hosts, evidence.zone_hosts, check_input.removed_fleet)
    return [
        _check(
            Refusal.ZONE_ALREADY_AWAY,
            not shifts.is_away(zone, service),
            f"away: {', '.join(shifts.zones) or 'none'}",
            "this service is not shifted away from this zone",
        ),
        _check(
            Refusal.ANOTHER_ZONE_IS_AWAY,
            not others,
            f"other zones away: {', '.join(others) or 'none'}",
            "at most one zone away, fleet-wide",
        ),
        _check(
            Refusal.LAST_ZONE,
            evidence.zones >= config.min_zones and left >= 1,
            f"{evidence.zones} zones",
            f"at least {config.min_zones} zones",
        ),
        _fleet_known(check_input),
        _check(
            Refusal.TOO_MANY_SICK,
            not evidence.fleet_event,
            f"fleet event {evidence.fleet_event}",
            "no fleet event",
        ),
        _rested(check_input),
        _check(
            Refusal.HEALTHY_FLOOR,
            serving >= config.shift_floor,
            f"{serving:.0%} of the hosts serve without the zone",
            f"at least {config.shift_floor:.0%}",
        ),
    ]


def _fleet_known(check_input: CheckInput) -> Check:
    evidence = check_input.change.evidence
    return _check(
        Refusal.FLEET_UNKNOWN,
        0 < evidence.zone_hosts <= evidence.fleet_hosts,
        f"{evidence.fleet_hosts} hosts in the fleet, {evidence.zone_hosts} in the zone",
        "hosts heard in the window",
    )


def _rested(check_input: CheckInput) -> Check:
    remaining = check_input.cool_down_remaining
    return _check(
        Refusal.COOL_DOWN,
        remaining <= 0.0,
        f"{remaining:.0f} s of rest left",
        "rested after a storm",
    )


def _budget_checks(check_input: CheckInput) -> list[Check]:
    tokens, room = check_input.global_tokens, not check_input.ledger_full
    return [
        _check(
            Refusal.BUDGET_SPENT,
            check_input.fleet_tokens >= 1.0,
            f"{check_input.fleet_tokens:.2f} tokens of the fleet",
            "1 token",
        ),
        _check(
            Refusal.GLOBAL_BUDGET_SPENT,
            tokens >= 1.0 and room,
            f"{tokens:.2f} global tokens, {'' if room else 'no '}room in the ledger",
            "1 token and room in the ledger",
        ),
    ]
