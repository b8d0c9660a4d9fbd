"""The chain of checks: each refusal, what the first failure names, and what is recorded."""

from typing import Any

import msgspec
import pytest

from detector.core.vocabulary import ActionKind, Refusal
from detector.decisions.checks import CheckInput, chain, first_refusal, target_fault
from detector.decisions.config import DecideConfig
from detector.decisions.zones import Shift, ShiftsInForce
from detector.detection.alarms import Target
from tests.support.deciding import OFF, ON, UNKNOWN, change, target, without_target, zone_change

CONFIG = DecideConfig()
AWAY = ShiftsInForce((Shift("az1", "cart", 1.0),))
OTHER_AWAY = ShiftsInForce((Shift("az2", "cart", 1.0),))
OWN_AWAY = ShiftsInForce((Shift("az1", "checkout", 1.0),))


def host(numbers: dict[str, Any] | None = None, **seen: Any) -> CheckInput:
    plain: dict[str, Any] = {
        "change": change(**(numbers or {})),
        "kind": ActionKind.REPLACE_HOST,
        "age_seconds": 5.0,
        "control": OFF,
        "shifts": ShiftsInForce(),
        "sick": 1,
        "fleet_tokens": 2.0,
        "global_tokens": 4.0,
    }
    return CheckInput(**(plain | seen))


def zone(numbers: dict[str, Any] | None = None, **seen: Any) -> CheckInput:
    seen.setdefault("change", zone_change(**(numbers or {})))
    return host(kind=ActionKind.SHIFT_AWAY, **seen)


def test_a_confirmed_sick_host_passes_every_check() -> None:
    checks = chain(host(), CONFIG)
    assert [check.name for check in checks] == [
        "kill_switch",
        "not_confirmed",
        "incomplete_data",
        "stale_evidence",
        "no_target",
        "already_acted",
        "zone_impaired",
        "fleet_unknown",
        "too_many_sick",
        "cool_down",
        "healthy_floor",
        "capacity_spent",
        "budget_spent",
        "global_budget_spent",
    ]
    assert first_refusal(checks) is None


def test_a_confirmed_sick_zone_passes_every_check() -> None:
    checks = chain(zone(), CONFIG)
    assert [check.name for check in checks[6:]] == [
        "zone_already_away",
        "another_zone_is_away",
        "last_zone",
        "fleet_unknown",
        "too_many_sick",
        "cool_down",
        "healthy_floor",
        "budget_spent",
        "global_budget_spent",
    ]
    assert first_refusal(checks) is None


CASES = {
    "the switch is on": (host(control=ON), Refusal.KILL_SWITCH),
    "the switch is unknown": (host(control=UNKNOWN), Refusal.KILL_SWITCH),
    "not confirmed": (
        host({"confirmed": False, "failed_gates": ("ratio",)}),
        Refusal.NOT_CONFIRMED,
    ),
    "incomplete": (
        host({"complete": False, "missing_partitions": ("logs-0",)}),
        Refusal.INCOMPLETE_DATA,
    ),
    "partial": (host({"partial": True}), Refusal.INCOMPLETE_DATA),
    "old evidence": (host(age_seconds=600.1), Refusal.STALE_EVIDENCE),
    "evidence from the future": (host(age_seconds=-600.1), Refusal.STALE_EVIDENCE),
    "no target": (host(change=without_target(change())), Refusal.NO_TARGET),
    "acted": (host(acted="acted upon 5 s ago"), Refusal.ALREADY_ACTED),
    "zone away": (host(shifts=AWAY), Refusal.ZONE_IMPAIRED),
    "zone alarm": (host(zone_alarm=True), Refusal.ZONE_IMPAIRED),
    "no hosts": (host({"fleet_hosts": 0, "zone_hosts": 0}), Refusal.FLEET_UNKNOWN),
    "zone over fleet": (host({"fleet_hosts": 5, "zone_hosts": 6}), Refusal.FLEET_UNKNOWN),
    "seven of 120 sick": (host(sick=7), Refusal.TOO_MANY_SICK),
    "two of ten sick": (host({"fleet_hosts": 10, "zone_hosts": 4}, sick=2), Refusal.TOO_MANY_SICK),
    "fleet event": (host({"fleet_event": True}), Refusal.TOO_MANY_SICK),
    "resting": (host(cool_down_remaining=1.0), Refusal.COOL_DOWN),
    "twelve removed": (host(removed_fleet=12), Refusal.HEALTHY_FLOOR),
    "last host": (host({"fleet_hosts": 1, "zone_hosts": 1}), Refusal.HEALTHY_FLOOR),
    "fleet capacity": (host(removed_fleet=1), Refusal.CAPACITY_SPENT),
    "zone capacity": (
        host({"fleet_hosts": 200, "zone_hosts": 60}, removed_fleet=1, removed_zone=1),
        Refusal.CAPACITY_SPENT,
    ),
    "fleet tokens": (host(fleet_tokens=0.99), Refusal.BUDGET_SPENT),
    "global tokens": (host(global_tokens=0.99), Refusal.GLOBAL_BUDGET_SPENT),
    "full ledger": (host(ledger_full=True), Refusal.GLOBAL_BUDGET_SPENT),
    "zone: no target": (zone(change=without_target(zone_change())), Refusal.NO_TARGET),
    "zone: already away": (zone(shifts=OWN_AWAY), Refusal.ZONE_ALREADY_AWAY),
    "zone: another away": (zone(shifts=OTHER_AWAY), Refusal.ANOTHER_ZONE_IS_AWAY),
    "zone: the last": (zone({"zones": 1}), Refusal.LAST_ZONE),
    "zone: fleet event": (zone({"fleet_event": True}), Refusal.TOO_MANY_SICK),
    "zone: too much of the fleet": (zone({"zone_hosts": 73}), Refusal.HEALTHY_FLOOR),
    "zone: resting": (zone(cool_down_remaining=1.0), Refusal.COOL_DOWN),
    "zone: fleet tokens": (zone(fleet_tokens=0.0), Refusal.BUDGET_SPENT),
}


@pytest.mark.parametrize(("check_input", "refusal"), CASES.values(), ids=CASES)
def test_one_failed_check_refuses_and_names_itself(
    check_input: CheckInput, refusal: Refusal
) -> None:
    checks = chain(check_input, CONFIG)
    assert first_refusal(checks) is refusal
    failed = next(check for check in checks if not check.passed)
    assert failed.saw
    assert failed.demanded


PERMITTED = {
    "six of 120 sick": host(sick=6),
    "one of ten sick": host({"fleet_hosts": 10, "zone_hosts": 4}),
    "evidence as old as allowed": host(age_seconds=600.0),
    "one of two hosts": host({"fleet_hosts": 2, "zone_hosts": 1}),
    "the same zone away for another service": zone(shifts=AWAY),
    "one of two zones": zone({"zones": 2, "zone_hosts": 60}),
}


@pytest.mark.parametrize("check_input", PERMITTED.values(), ids=PERMITTED)
def test_what_is_just_within_the_limits_passes(check_input: CheckInput) -> None:
    assert first_refusal(chain(check_input, CONFIG)) is None


def test_every_check_is_recorded_even_when_the_first_one_fails() -> None:
    everything_wrong = host(
        {"confirmed": False, "complete": False, "fleet_hosts": 0, "fleet_event": True},
        control=UNKNOWN,
        age_seconds=9_999.0,
        acted="yes",
        zone_alarm=True,
        cool_down_remaining=5.0,
        fleet_tokens=0.0,
        global_tokens=0.0,
        removed_fleet=5,
    )
    checks = chain(everything_wrong, CONFIG)
    assert len(checks) == 14
    assert [check.name for check in checks if check.passed] == ["no_target"]
    assert first_refusal(checks) is Refusal.KILL_SWITCH
    assert "unknown" in checks[0].saw


@pytest.mark.parametrize(
    ("kind", "goal", "fault"),
    [
        (ActionKind.REPLACE_HOST, target(), ""),
        (ActionKind.REPLACE_HOST, target("ip-10-0-0-1.ec2.internal"), ""),
        (ActionKind.SHIFT_AWAY, target(""), ""),
        (ActionKind.REPLACE_HOST, None, "no target"),
        (ActionKind.REPLACE_HOST, target(""), "no host"),
        (ActionKind.SHIFT_AWAY, target("h1"), "host 'h1'"),
        (ActionKind.REPLACE_HOST, target("*"), "host '*'"),
        (ActionKind.REPLACE_HOST, target("h1,h2"), "host 'h1,h2'"),
        (ActionKind.REPLACE_HOST, target("h1\nh2"), "host 'h1\\nh2'"),
        (ActionKind.REPLACE_HOST, target("  "), "empty host"),
        (ActionKind.REPLACE_HOST, target(zone=""), "empty zone"),
        (ActionKind.REPLACE_HOST, target(service=""), "empty service"),
        (ActionKind.SHIFT_AWAY, target("", "az*"), "zone 'az*'"),
        (ActionKind.REPLACE_HOST, target("h" * 256), "host of 256 characters"),
    ],
)
def test_a_target_is_exactly_one_named_thing(
    kind: ActionKind, goal: Target | None, fault: str
) -> None:
    assert target_fault(kind, goal) == fault


def test_a_check_travels_as_four_plain_members() -> None:
    first = chain(host(), CONFIG)[0]
    assert msgspec.to_builtins(first) == {
        "name": "kill_switch",
        "passed": True,
        "saw": "off: topics created",
        "demanded": "known and off",
    }
