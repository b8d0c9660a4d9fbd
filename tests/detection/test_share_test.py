"""Facts about the share test, against a recount in exact fractions and against its own limits."""

import math
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.detection.share_test import ShareTestConfig, ShareTestResult, TopCallers, share_test

USUAL = ShareTestConfig()
ONE_ROUND = ShareTestConfig(max_rounds=1)

fleets = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 9) | st.integers(20, 60)),
    max_size=14,
)


def columns(fleet: list[tuple[int, int]]) -> tuple[list[int], list[int]]:
    return [requests for requests, _ in fleet], [faults for _, faults in fleet]


def indices(mask: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[int]:
    return [int(index) for index in np.flatnonzero(mask)]


def recount(requests: list[int], faults: list[int]) -> tuple[set[int], list[Fraction], bool, int]:
    """Follow the published steps one host at a time in exact fractions; only numbers are shared."""
    hosts = range(len(requests))
    serving = sum(1 for count in requests if count > 0)
    suspects: set[int] = set()
    tails: list[Fraction] = []
    for rounds in range(1, 9):
        tails, candidates = [], []
        for host in hosts:
            pool = [peer for peer in hosts if peer not in suspects or peer == host]
            pool_requests = sum(requests[peer] for peer in pool)
            pool_faults = sum(faults[peer] for peer in pool)
            own_requests, own_faults = requests[host], faults[host]
            if own_faults < 5 or own_requests == 0:
                tails.append(Fraction(1))
                continue
            tolerated = Fraction(5, 4) * own_requests
            weight = tolerated / (tolerated + pool_requests - own_requests)
            below = Fraction(0) + sum(
                math.comb(pool_faults, count)
                * weight**count
                * (1 - weight) ** (pool_faults - count)
                for count in range(own_faults)
            )
            tails.append(1 - below)
            peer_rate = Fraction(2 * (pool_faults - own_faults) + 1, 2) / (
                pool_requests - own_requests + 1
            )
            if Fraction(own_faults, own_requests) >= 3 * peer_rate:
                candidates.append(host)
        found: set[int] = set()
        for rank in range(1, len(candidates) + 1):
            level = Fraction(1, 1000) * rank / len(requests)
            passing = {host for host in candidates if tails[host] <= level}
            if len(passing) >= rank:
                found = passing
        if 2 * len(found) > serving:
            return set(), tails, True, rounds
        if found == suspects:
            return found, tails, False, rounds
        suspects = found
    return suspects, tails, False, 8


@given(fleets)
def test_it_agrees_with_a_recount_in_exact_fractions(fleet: list[tuple[int, int]]) -> None:
    requests, faults = columns(fleet)
    suspects, tails, fleet_event, rounds = recount(requests, faults)
    found = share_test(requests, faults, USUAL)
    assert (sorted(suspects), fleet_event, rounds) == (
        indices(found.suspect),
        found.fleet_event,
        found.rounds,
    )
    if found.converged:
        assert [float(tail) for tail in tails] == pytest.approx(found.p_value.tolist(), rel=1e-9)


def test_an_empty_fleet_has_no_suspect() -> None:
    found = share_test([], [], USUAL, TopCallers([], []))
    assert (0, 0.0, False, True) == (
        found.suspect.size,
        found.baseline_rate,
        found.fleet_event,
        found.converged,
    )


@given(st.integers(0, 50), st.integers(0, 500), st.integers(0, 100))
def test_equal_hosts_are_never_suspect(hosts: int, requests: int, faults: int) -> None:
    found = share_test([requests] * hosts, [faults] * hosts, USUAL)
    assert ([], False) == (indices(found.suspect), found.fleet_event)


def test_a_gray_host_is_found_among_a_thousand() -> None:
    found = share_test([600] * 1000, [30] + [1] * 999, USUAL)
    assert [0] == indices(found.suspect)
    assert 30 / (999.5 / (999 * 600 + 1)) / 600 == pytest.approx(found.rate_ratio[0])
    assert 29.0 == pytest.approx(found.excess[0])
    assert 1 / 600 == pytest.approx(found.baseline_rate)
    assert (2, True) == (found.rounds, found.converged)


def test_traffic_alone_makes_no_suspect() -> None:
    """The first host has 80 % of the requests and of the faults."""
    found = share_test([8000] + [10] * 200, [800] + [1] * 200, USUAL)
    assert [] == indices(found.suspect)
    assert found.p_value[0] > 0.5


def test_many_bad_hosts_do_not_hide_each_other() -> None:
    """Thirty failing hosts raise the baseline over the thirty-first, until they leave the pool."""
    requests = [100] * 100
    faults = [100] * 30 + [9] + [0] * 69
    one_round = share_test(requests, faults, ONE_ROUND)
    assert (list(range(30)), False) == (indices(one_round.suspect), one_round.converged)
    found = share_test(requests, faults, USUAL)
    assert (list(range(31)), 3, True) == (indices(found.suspect), found.rounds, found.converged)


def test_when_most_of_the_fleet_is_bad_nobody_is_named() -> None:
    """Two thirds of the hosts are bad, but with so little traffic that the baseline stays low."""
    found = share_test([20] * 20 + [10_000] * 10, [20] * 20 + [0] * 10, USUAL)
    assert (True, [], False) == (found.fleet_event, indices(found.suspect), found.converged)
    alone = share_test(
        [20] * 20 + [10_000] * 10,
        [20] * 20 + [0] * 10,
        ShareTestConfig(fleet_event_fraction=0.7),
    )
    assert (False, list(range(20))) == (alone.fleet_event, indices(alone.suspect))


def test_silent_hosts_do_not_count_as_part_of_the_fleet_that_is_well() -> None:
    found = share_test([20] * 20 + [10_000] * 10 + [0] * 70, [20] * 20 + [0] * 80, USUAL)
    assert found.fleet_event


def test_a_host_without_requests_is_never_suspect() -> None:
    found = share_test([0, 1000, 1000], [50, 0, 1], USUAL)
    assert ([], 1.0, 0.0) == (indices(found.suspect), found.p_value[0], found.rate_ratio[0])


def test_a_host_without_peers_is_never_suspect() -> None:
    found = share_test([100], [100], USUAL)
    assert ([], 1.0, 0.0) == (indices(found.suspect), found.p_value[0], found.excess[0])


def test_four_faults_are_too_few_and_five_are_enough() -> None:
    requests = [100] * 1000
    assert [] == indices(share_test(requests, [4] + [0] * 999, USUAL).suspect)
    assert [0] == indices(share_test(requests, [5] + [0] * 999, USUAL).suspect)
    assert [0] == indices(share_test(requests, [sum([0.1] * 50)] + [0] * 999, USUAL).suspect)


def poisoned(caller_requests: float, caller_faults: float) -> ShareTestResult:
    """Host 0 has 60 faults in 600 requests among 200 healthy hosts; its top caller is given."""
    requests, faults = [600] * 200, [60] + [1] * 199
    callers = TopCallers([caller_requests] + [0] * 199, [caller_faults] + [0] * 199)
    return share_test(requests, faults, USUAL, callers)


def test_a_poison_caller_is_blamed_instead_of_its_host() -> None:
    found = poisoned(60, 59)
    assert ([], [0]) == (indices(found.suspect), indices(found.caller_blamed))


def test_a_host_that_is_bad_to_all_its_callers_stays_suspect() -> None:
    found = poisoned(60, 6)
    assert ([0], []) == (indices(found.suspect), indices(found.caller_blamed))


def test_an_unknown_caller_excuses_nobody() -> None:
    assert [0] == indices(poisoned(0, 0).suspect)


def test_a_caller_that_is_all_of_the_traffic_excuses_its_host() -> None:
    """A known limit: nothing is left to test the host by."""
    assert [0] == indices(poisoned(600, 60).caller_blamed)


def test_a_blamed_caller_still_stays_out_of_the_baseline() -> None:
    assert 1 / 600 == pytest.approx(poisoned(60, 59).baseline_rate)


@given(fleets, st.randoms(use_true_random=False))
def test_the_order_of_the_hosts_does_not_matter(
    fleet: list[tuple[int, int]], chance: Random
) -> None:
    order = list(range(len(fleet)))
    chance.shuffle(order)
    requests, faults = columns(fleet)
    callers = TopCallers([count // 2 for count in requests], [count // 2 for count in faults])
    one = share_test(requests, faults, USUAL, callers)
    other = share_test(
        [requests[host] for host in order],
        [faults[host] for host in order],
        USUAL,
        TopCallers(np.array(callers.requests)[order], np.array(callers.faults)[order]),
    )
    for name in ("suspect", "caller_blamed", "p_value", "rate_ratio", "excess"):
        assert getattr(one, name)[order].tolist() == getattr(other, name).tolist()
    assert (one.rounds, one.fleet_event) == (other.rounds, other.fleet_event)


@given(fleets.filter(bool), st.data())
def test_one_more_fault_never_makes_a_host_look_better(
    fleet: list[tuple[int, int]], data: st.DataObject
) -> None:
    requests, faults = columns(fleet)
    host = data.draw(st.integers(0, len(fleet) - 1))
    before = share_test(requests, faults, ONE_ROUND)
    faults[host] += 1
    after = share_test(requests, faults, ShareTestConfig(max_rounds=1, fleet_event_fraction=1))
    if not (before.suspect.any() or after.suspect.any()):
        assert after.p_value[host] <= before.p_value[host] * (1 + 1e-12)
        assert after.rate_ratio[host] >= before.rate_ratio[host]
    assert after.suspect[host] or not before.suspect[host]


@given(fleets, st.sampled_from([2, 8, 1024]))
def test_the_unit_of_traffic_does_not_matter(fleet: list[tuple[int, int]], factor: int) -> None:
    """Only shares of the requests enter the tail; powers of two keep the arithmetic exact."""
    requests, faults = columns(fleet)
    config = ShareTestConfig(max_rounds=1, ratio=1e300)
    one = share_test(requests, faults, config)
    other = share_test([factor * count for count in requests], faults, config)
    assert one.p_value.tolist() == other.p_value.tolist()


@given(fleets, st.sampled_from([2, 3, 10]))
def test_more_of_the_same_evidence_clears_no_suspect(
    fleet: list[tuple[int, int]], factor: int
) -> None:
    requests = [20 * count + faults for count, faults in fleet]
    faults = [count for _, count in fleet]
    few = share_test(requests, faults, ONE_ROUND)
    config = ShareTestConfig(max_rounds=1, fleet_event_fraction=1)
    many = share_test([factor * n for n in requests], [factor * n for n in faults], config)
    assert set(indices(few.suspect)) <= set(indices(many.suspect))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("rho", 0.9), ("rho", math.inf), ("ratio", 0), ("ratio", math.nan), ("min_faults", 0)],
        *[("q", 0), ("q", 1), ("max_rounds", 0), ("fleet_event_fraction", 1.1)],
        ("max_dispersion", 0.5),
    ],
)
def test_constants_out_of_bounds_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"ShareTestConfig: {name} is {value!r}, expected"):
        ShareTestConfig(**{name: value})  # type: ignore[arg-type]


def retried(times: int) -> tuple[list[int], list[int]]:
    """A healthy fleet whose every failure is counted `times`: 1,640 hosts met 0, 320 1, 40 2."""
    return [600] * 2000, [0] * 1640 + [times] * 320 + [2 * times] * 40


def test_failures_that_are_retried_make_suspects_of_the_healthy() -> None:
    """A known limit of the plain test."""
    assert list(range(1960, 2000)) == indices(share_test(*retried(6), USUAL).suspect)


def test_dividing_by_the_scatter_of_the_clean_clears_them() -> None:
    found = share_test(*retried(4), ShareTestConfig(max_dispersion=1.5))
    assert 3.0 < found.dispersion <= 4.0
    assert [] == indices(found.suspect)


def test_dividing_by_the_scatter_still_finds_the_gray() -> None:
    requests, faults = retried(4)
    faults[0] = 180
    found = share_test(requests, faults, ShareTestConfig(max_dispersion=1.5))
    assert [0] == indices(found.suspect)


def test_counts_that_scatter_by_chance_are_not_divided() -> None:
    assert 1.0 == share_test(*retried(1), ShareTestConfig(max_dispersion=1.5)).dispersion


def test_a_fleet_event_is_not_searched_again() -> None:
    config = ShareTestConfig(max_dispersion=1)
    found = share_test([20] * 20 + [10_000] * 10, [20] * 20 + [0] * 10, config)
    assert (True, 1.0) == (found.fleet_event, found.dispersion)


def test_callers_of_another_fleet_are_refused() -> None:
    with pytest.raises(ValueError, match="requests of the top callers has 1 elements, expected 2"):
        share_test([1, 2], [0, 0], USUAL, TopCallers([1], [1]))
