"""Faults change the odds of the requests that they name, and of no others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.gameday.faults import (
    FloatArray,
    GrayHost,
    GrayZone,
    InjectedFault,
    Odds,
    PoisonCaller,
    Population,
    SilentHost,
    SlowHost,
    is_active,
    with_faults,
)

HOSTS = tuple(f"h{number}" for number in range(60))
ZONES = ("z0", "z1", "z2")
CALLERS = ("acme", "birch")


def _odds() -> Odds:
    """One request a millisecond for 1,200 ms: hosts in turn, twenty to a zone, callers in turn."""
    event_ms = np.arange(1200)
    host = event_ms % len(HOSTS)
    return Odds(
        population=Population(
            number_by_host={name: number for number, name in enumerate(HOSTS)},
            number_by_zone={name: number for number, name in enumerate(ZONES)},
            number_by_caller={name: number for number, name in enumerate(CALLERS)},
        ),
        event_ms=event_ms,
        host=host,
        zone=host // 20,
        caller=event_ms // 60 % 2,
        fault=np.full(1200, 0.001),
        slowness=np.ones(1200),
        silent=np.zeros(1200, dtype=np.bool_),
    )


def test_a_gray_host_fails_its_share_within_its_interval_and_nobody_else_does() -> None:
    odds = GrayHost("h3", 0.3, from_ms=300, until_ms=903).change(_odds())
    touched = [ms for ms in range(1200) if ms % 60 == 3 and 300 <= ms < 903]
    assert touched == np.flatnonzero(odds.fault == 0.3).tolist()
    assert 1200 - len(touched) == int((odds.fault == 0.001).sum())


def test_a_gray_zone_degrades_most_of_its_hosts_between_its_two_shares() -> None:
    odds = GrayZone("z1", 0.30, least_share=0.15, sick_hosts=0.85).change(_odds())
    share_by_host = dict(zip(odds.host.tolist(), odds.fault.tolist(), strict=True))
    sick = {host for host, share in share_by_host.items() if share > 0.001}
    assert sick <= set(range(20, 40))
    assert 16 <= len(sick) <= 18
    assert all(0.15 <= share_by_host[host] <= 0.30 for host in sick)
    assert 10 < len({share_by_host[host] for host in sick})


def test_a_silent_host_is_silent_and_a_slow_host_is_slow() -> None:
    odds = with_faults(_odds(), (SilentHost("h1", until_ms=600), SlowHost("h2", 5.0, from_ms=600)))
    assert [ms for ms in range(600) if ms % 60 == 1] == np.flatnonzero(odds.silent).tolist()
    slow = np.flatnonzero(odds.slowness != 1.0).tolist()
    assert [ms for ms in range(600, 1200) if ms % 60 == 2] == slow
    assert {5.0} == set(odds.slowness[slow].tolist())


def test_a_poison_caller_fails_on_every_host_alike() -> None:
    odds = PoisonCaller("birch", 0.9).change(_odds())
    assert set(range(60)) == set(odds.host[odds.fault == 0.9].tolist())
    assert {1} == set(odds.caller[odds.fault == 0.9].tolist())


def test_the_worst_of_two_faults_counts_and_latency_factors_multiply() -> None:
    faults = (GrayHost("h0", 0.2), GrayHost("h0", 0.4), SlowHost("h0", 2.0), SlowHost("h0", 3.0))
    odds = with_faults(_odds(), faults)
    assert ({0.4}, {6.0}) == (_at_first_host(odds, odds.fault), _at_first_host(odds, odds.slowness))


def test_a_fault_never_heals_a_worse_background() -> None:
    assert {0.001} == set(GrayHost("h0", 0.0).change(_odds()).fault.tolist())


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (GrayHost("nobody"), "host"),
        (SilentHost("nobody"), "host"),
        (SlowHost("nobody"), "host"),
        (GrayZone("nobody"), "zone"),
        (PoisonCaller("nobody"), "caller"),
    ],
)
def test_a_fault_that_names_what_the_fleet_lacks_is_refused(
    fault: InjectedFault, kind: str
) -> None:
    with pytest.raises(ValueError, match=f"fault names {kind} 'nobody', expected one of the fleet"):
        fault.change(_odds())


@given(
    faults=st.permutations(
        [
            GrayHost("h21", 0.5, 100, 800),
            GrayZone("z1", 0.3, 200, 900),
            PoisonCaller("acme", 0.9, 300, 700),
            SlowHost("h21", 4.0),
            SilentHost("h5", 50),
        ]
    )
)
def test_the_order_of_faults_does_not_matter(faults: list[InjectedFault]) -> None:
    expected = with_faults(_odds(), sorted(faults, key=repr))
    odds = with_faults(_odds(), faults)
    assert expected.fault.tolist() == odds.fault.tolist()
    assert expected.slowness.tolist() == odds.slowness.tolist()
    assert expected.silent.tolist() == odds.silent.tolist()


def test_an_interval_includes_its_begin_and_excludes_its_end() -> None:
    fault = GrayHost("h0", from_ms=10, until_ms=20)
    assert [False, True, True, False] == [is_active(fault, ms) for ms in (9, 10, 19, 20)]
    assert is_active(GrayHost("h0"), 10**13)


def _at_first_host(odds: Odds, column: FloatArray) -> set[float]:
    return set(column[odds.host == 0].tolist())
