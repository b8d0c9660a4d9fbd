"""The ledger of grants."""

from detector.core.vocabulary import ActionKind
from detector.decisions.ledger import MAX_GRANTS, Grant, Ledger


def grant(
    number: int,
    *,
    at: float = 0.0,
    until: float = 0.0,
    kind: ActionKind = ActionKind.REPLACE_HOST,
    zone: str = "az1",
    service: str = "checkout",
    enforced: bool = True,
) -> Grant:
    return Grant(f"id{number}", kind, f"t{number}", service, zone, at, until, enforced)


def test_a_grant_is_known_by_its_identity_and_its_target() -> None:
    ledger = Ledger([grant(1, at=5.0), grant(2, at=7.0)])
    assert (ledger.has("id1"), ledger.has("id3")) == (True, False)
    assert ledger.last_at("t2", ActionKind.REPLACE_HOST) == 7.0
    assert ledger.last_at("t2", ActionKind.SHIFT_AWAY) is None
    assert (ledger.newer_than(6.0), ledger.newer_than(7.0)) == (True, False)


def test_removed_hosts_are_counted_per_fleet_zone_and_window() -> None:
    ledger = Ledger()
    ledger.add(grant(1, at=10.0))
    ledger.add(grant(2, at=20.0))
    ledger.add(grant(3, at=20.0, zone="az2"))
    ledger.add(grant(4, at=20.0, service="cart"))
    ledger.add(grant(5, at=20.0, kind=ActionKind.SHIFT_AWAY))
    assert ledger.removed("checkout", 0.0) == 3
    assert ledger.removed("checkout", 10.0) == 2
    assert ledger.removed("checkout", 0.0, "az1") == 2
    assert ledger.removed("unheard", 0.0) == 0


def test_old_grants_are_forgotten_but_a_shift_in_force_never() -> None:
    shift = grant(1, at=0.0, until=500.0, kind=ActionKind.SHIFT_AWAY)
    ledger = Ledger([shift, grant(2, at=0.0), grant(3, at=90.0)])
    ledger.forget(50.0, 100.0)
    assert (ledger.has("id1"), ledger.has("id2"), ledger.has("id3")) == (True, False, True)
    assert ledger.in_force(ActionKind.SHIFT_AWAY, 499.0) == [shift]
    assert ledger.in_force(ActionKind.SHIFT_AWAY, 500.0) == []


def test_a_full_ledger_says_so_instead_of_forgetting() -> None:
    ledger = Ledger(grant(n) for n in range(MAX_GRANTS - 1))
    assert not ledger.is_full
    ledger.add(grant(MAX_GRANTS))
    assert ledger.is_full
    assert len(ledger) == MAX_GRANTS


def test_what_was_only_observed_never_happened_for_one_who_enforces() -> None:
    ledger = Ledger([grant(1, enforced=True), grant(2, enforced=False)])
    observing = Ledger.restored(ledger.snapshot(), enforcing=False)
    enforcing = Ledger.restored(ledger.snapshot(), enforcing=True)
    assert observing.snapshot() == ledger.snapshot()
    assert (enforcing.has("id1"), enforcing.has("id2")) == (True, False)
