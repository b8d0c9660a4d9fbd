"""Budgets: limits that no clock and no restart can widen."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.steady_time import SteadyTime
from detector.decisions.budgets import (
    BucketLimits,
    CapacityLimits,
    CoolDown,
    SteadyClock,
    TokenBucket,
    at_least_one,
    healthy_needed,
    restored_buckets,
)

LIMITS = BucketLimits(2.0, 1 / 600)
steps = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(0, 1e4)), min_size=1, max_size=30)


@pytest.mark.parametrize("reading", [math.nan, math.inf, -math.inf])
def test_a_clock_reading_that_is_no_number_is_refused(reading: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        SteadyTime(reading, 0.0)
    with pytest.raises(ValueError, match="finite"):
        SteadyTime(0.0, reading)


def test_the_steady_clock_counts_what_both_clocks_agree_on() -> None:
    clock = SteadyClock(100.0)
    readings = [
        clock.read(SteadyTime(wall, monotonic))
        for wall, monotonic in [
            (5_000.0, 10.0),  # The first reading only anchors.
            (5_001.0, 11.0),  # Both advance by 1.
            (9_999.0, 12.0),  # The wall jumps forward: the monotonic second counts.
            (4_000.0, 13.0),  # The wall jumps back: nothing counts.
            (4_001.0, 14.0),  # And on from there.
            (4_100.0, 14.0),  # The process was frozen: nothing counts.
        ]
    ]
    assert readings == [100.0, 101.0, 102.0, 102.0, 103.0, 103.0]
    assert clock.seconds == 103.0


@given(steps)
def test_the_steady_clock_never_outruns_the_monotonic_clock(
    jumps: list[tuple[float, float]],
) -> None:
    clock, wall, monotonic = SteadyClock(), 0.0, 0.0
    before = clock.read(SteadyTime(wall, monotonic))
    for wall_step, monotonic_step in jumps:
        wall, monotonic = wall + wall_step, monotonic + monotonic_step
        now = clock.read(SteadyTime(wall, monotonic))
        assert before <= now <= monotonic + 1e-6
        before = now


def test_a_bucket_starts_full_and_refills_one_token_in_ten_minutes() -> None:
    bucket = TokenBucket(LIMITS)
    assert [bucket.spend(1.0, 0.0) for _ in range(3)] == [True, True, False]
    assert bucket.level(599.0) == pytest.approx(599 / 600)
    assert not bucket.spend(1.0, 599.0)
    assert bucket.spend(1.0, 600.0)
    assert bucket.level(1_000_000.0) == 2.0


def test_time_that_runs_backwards_gives_no_tokens() -> None:
    bucket = TokenBucket(LIMITS)
    bucket.spend(2.0, 1_000.0)
    assert bucket.level(0.0) == 0.0
    assert not bucket.spend(1.0, 0.0)
    assert bucket.level(1_600.0) == 1.0


def test_a_cost_must_be_positive() -> None:
    for cost in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="cost must be positive"):
            TokenBucket(LIMITS).spend(cost, 0.0)


@given(
    st.floats(0, 100),
    st.floats(0, 0.1),
    st.lists(st.tuples(st.floats(0, 1e5), st.floats(0.01, 5)), max_size=40),
)
def test_a_bucket_stays_within_its_bounds_and_never_gives_more_than_its_rate(
    capacity: float, refill: float, spends: list[tuple[float, float]]
) -> None:
    bucket, now, spent = TokenBucket(BucketLimits(capacity, refill)), 0.0, 0.0
    for step, cost in spends:
        now += step
        spent += cost if bucket.spend(cost, now) else 0.0
        assert 0.0 <= bucket.level(now) <= capacity
        assert spent <= capacity + refill * now + 1e-6


def test_a_restored_bucket_is_as_empty_as_it_was_and_no_larger_than_its_limits() -> None:
    bucket = TokenBucket(LIMITS)
    bucket.spend(2.0, 50.0)
    restored = restored_buckets(LIMITS, {"checkout": bucket.snapshot()})["checkout"]
    assert restored.level(50.0) == 0.0
    assert restored.snapshot() == bucket.snapshot()
    assert not restored.is_full(50.0)
    assert TokenBucket(BucketLimits(1.0, 0.0), 7.0).level(0.0) == 1.0
    assert TokenBucket(LIMITS, -3.0).level(0.0) == 0.0
    assert TokenBucket(LIMITS).is_full(0.0)


@pytest.mark.parametrize(
    ("capacity", "refill"), [(-1.0, 0.0), (1_001.0, 0.0), (1.0, -0.1), (1.0, 1.1), (math.nan, 0.0)]
)
def test_bucket_limits_outside_their_bounds_are_refused(capacity: float, refill: float) -> None:
    with pytest.raises(ValueError, match="bucket"):
        BucketLimits(capacity, refill)


@pytest.mark.parametrize(
    ("hosts", "fleet", "zone"),
    [
        (0, 1, 1),  # Whether the fleet is known is another check.
        (1, 1, 1),  # Small fleets: at least one.
        (199, 1, 1),
        (200, 2, 1),
        (399, 3, 1),
        (400, 4, 2),
        (20_000, 200, 100),
    ],
)
def test_capacity_is_one_percent_of_the_fleet_and_half_of_it_per_zone(
    hosts: int, fleet: int, zone: int
) -> None:
    limits = CapacityLimits()
    assert (limits.fleet_limit(hosts), limits.zone_limit(hosts)) == (fleet, zone)


def test_a_capacity_of_zero_forbids_removing_hosts() -> None:
    limits = CapacityLimits(0.0)
    assert (limits.fleet_limit(10_000), limits.zone_limit(10_000)) == (0, 0)


@pytest.mark.parametrize(
    ("fraction", "window"), [(-0.1, 3_600.0), (0.6, 3_600.0), (0.1, 59.0), (0.1, 1e6)]
)
def test_capacity_limits_outside_their_bounds_are_refused(fraction: float, window: float) -> None:
    with pytest.raises(ValueError, match="capacity"):
        CapacityLimits(fraction, window)


def test_a_fraction_of_hosts_is_not_lost_to_rounding() -> None:
    # In binary 0.29 * 100 is 28.999999999999996.
    assert at_least_one(0.29, 100) == 29


@pytest.mark.parametrize(
    ("floor", "hosts", "needed"),
    [
        (0.90, 120, 108),
        (0.90, 100, 90),
        (0.90, 11, 10),
        (0.90, 10, 9),
        (0.90, 9, 8),  # 8.1 hosts would forbid every removal: all but one must stay.
        (0.90, 2, 1),
        (0.90, 1, 1),  # The last host is never removed.
        (0.90, 0, 1),
        (0.0, 100, 1),
        (1.0, 100, 99),
    ],
)
def test_the_healthy_floor_lets_a_small_fleet_lose_one_host_but_never_the_last(
    floor: float, hosts: int, needed: int
) -> None:
    assert healthy_needed(floor, hosts) == needed


def test_a_scope_rests_for_its_time_after_each_start() -> None:
    rest = CoolDown(600.0)
    rest.start("a", 100.0)
    rest.start("b", 200.0)
    assert [rest.remaining("a", now) for now in (100.0, 699.0, 700.0, 900.0)] == [
        600.0,
        1.0,
        0.0,
        0.0,
    ]
    assert rest.remaining("c", 100.0) == 0.0
    rest.forget_ended(700.0)
    assert rest.snapshot() == {"b": 800.0}
    assert CoolDown(600.0, rest.snapshot()).remaining("b", 700.0) == 100.0
