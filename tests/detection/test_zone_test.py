"""Facts about the zone test: one bad zone is named, everything that looks like one is not."""

import math
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.detection.zone_test import ZoneGate, ZoneTestConfig, ZoneTestResult, zone_test

USUAL = ZoneTestConfig()


@dataclass
class Region:
    """Three zones of 40 hosts, each with 1,000 requests and one fault, unless a test differs."""

    zones: int = 3
    hosts: int = 40
    requests: list[float] = field(default_factory=list)
    faults: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.requests = [1000.0] * (self.zones * self.hosts)
        self.faults = [1.0] * (self.zones * self.hosts)

    def bad(self, zone: int, hosts: int, faults: float) -> "Region":
        """Give the first hosts of a zone so many faults."""
        for host in range(zone * self.hosts, zone * self.hosts + hosts):
            self.faults[host] = faults
        return self

    def test(
        self, config: ZoneTestConfig = USUAL, suspects: tuple[int, ...] = ()
    ) -> ZoneTestResult:
        """Run the zone test on all hosts."""
        suspect = np.isin(np.arange(len(self.faults)), suspects)
        zone_of_host = np.repeat(np.arange(self.zones), self.hosts)
        return zone_test(
            zone_of_host, self.requests, self.faults, self.zones, config, suspect=suspect
        )


def flagged(found: ZoneTestResult) -> list[int]:
    return [int(zone) for zone in np.flatnonzero(found.flagged)]


def test_a_bad_zone_is_named_with_its_evidence() -> None:
    found = Region().bad(1, 40, 5).test()
    assert ([1], ()) == (flagged(found), found.reasons[1])
    assert [40, 40, 40] == found.hosts.tolist()
    assert [0, 40, 0] == found.elevated_hosts.tolist()
    assert [1 / 3] * 3 == pytest.approx(found.exposure.tolist())
    assert 200 / 280 == pytest.approx(found.share[1])
    assert 200 / 40_000 / (80.5 / 80_001) == pytest.approx(found.rate_ratio[1])
    assert 40 == found.worst_host_index[1]
    assert 1 == found.top.top_index
    assert 200 / 280 == pytest.approx(found.top.share)


def test_the_p_value_is_the_exact_tail_of_the_share() -> None:
    found = Region().bad(1, 40, 2).test()
    third, total = Fraction(1, 3), 160
    expected = sum(
        math.comb(total, count) * third**count * (1 - third) ** (total - count)
        for count in range(80, total + 1)
    )
    assert float(expected) == pytest.approx(float(found.p_value[1]), rel=1e-10)


def test_a_healthy_region_flags_nobody() -> None:
    found = Region().test()
    assert [] == flagged(found)
    assert {ZoneGate.NOT_SIGNIFICANT, ZoneGate.EFFECT_TOO_SMALL} <= set(found.reasons[0])


def test_uneven_traffic_flags_nobody() -> None:
    region = Region()
    region.requests[:40] = [20_000.0] * 40
    region.faults[:40] = [20.0] * 40
    found = region.test()
    assert [] == flagged(found)
    assert found.top.share > 0.66


def test_one_bad_host_is_not_a_bad_zone() -> None:
    found = Region().bad(2, 1, 900).test()
    assert [] == flagged(found)
    assert (
        ZoneGate.TOO_FEW_HOSTS_ELEVATED,
        ZoneGate.WORST_HOST_EXPLAINS_IT,
    ) == found.reasons[2]
    assert (80, 1, False) == (
        found.worst_host_index[2],
        found.elevated_hosts[2],
        found.flagged_without_worst[2],
    )


def test_two_bad_hosts_are_not_a_bad_zone() -> None:
    found = Region().bad(2, 2, 900).test()
    assert (ZoneGate.TOO_FEW_HOSTS_ELEVATED,) == found.reasons[2]


def test_three_bad_hosts_of_forty_are_under_a_tenth() -> None:
    assert (ZoneGate.TOO_FEW_HOSTS_ELEVATED,) == Region().bad(2, 3, 900).test().reasons[2]
    assert [2] == flagged(Region().bad(2, 4, 900).test())


def test_few_faults_flag_nobody() -> None:
    region = Region()
    region.faults = [0.0] * 120
    found = region.bad(0, 9, 3).test()
    assert (ZoneGate.TOO_FEW_FAULTS,) == found.reasons[0]
    assert [0] == flagged(region.bad(0, 11, 3).test())


def test_a_small_effect_flags_nobody_however_certain() -> None:
    region = Region()
    region.faults = [100.0] * 120
    found = region.bad(0, 40, 190).test()
    assert found.p_value[0] < 1e-50
    assert ZoneGate.EFFECT_TOO_SMALL in found.reasons[0]


def test_two_bad_zones_flag_nobody_even_when_one_is_worse() -> None:
    found = Region().bad(0, 40, 90).bad(1, 40, 15).test()
    assert [] == flagged(found)
    assert (ZoneGate.ANOTHER_ZONE_ELEVATED,) == found.reasons[0]


def test_a_bad_host_elsewhere_does_not_excuse_a_bad_zone() -> None:
    found = Region().bad(0, 40, 50).bad(1, 1, 900).test(suspects=(40,))
    assert [0] == flagged(found)


def test_a_suspect_elsewhere_does_not_hide_a_bad_zone() -> None:
    """The failing host of zone 1 raises the rate of the others tenfold until it is taken out."""
    region = Region().bad(0, 40, 6).bad(1, 1, 1000)
    assert [] == flagged(region.test())
    assert [0] == flagged(region.test(suspects=(40,)))


def test_hosts_of_the_bad_zone_may_all_be_suspect() -> None:
    assert [0] == flagged(Region().bad(0, 40, 50).test(suspects=tuple(range(40))))


def test_nobody_is_flagged_without_clean_peers() -> None:
    found = Region().bad(0, 40, 50).test(suspects=tuple(range(40, 120)))
    assert ZoneGate.NO_PEER_ZONE in found.reasons[0]


def test_counts_that_clump_are_divided_by_their_scatter() -> None:
    """Failures come in tens, on one host in ten: ten clumps in zone 0 against four are no proof."""
    region = Region()
    region.faults = [10.0 if host in {*range(10), 45, 55, 85, 95} else 0.0 for host in range(120)]
    found = region.test()
    assert found.dispersion[0] > 9
    assert [] == flagged(found)
    plain = region.test(ZoneTestConfig(max_dispersion=100))
    assert ([1.0] * 3, [0]) == (plain.dispersion.tolist(), flagged(plain))


def test_a_single_zone_is_never_flagged() -> None:
    found = Region(zones=1).bad(0, 40, 900).test()
    assert ([], 1.0) == (flagged(found), found.p_value[0])
    assert ZoneGate.NO_PEER_ZONE in found.reasons[0]


def test_of_two_zones_the_bad_one_is_named() -> None:
    assert [1] == flagged(Region(zones=2).bad(1, 40, 9).test())


@pytest.mark.parametrize("zone", [0, 7, 19])
def test_of_twenty_zones_the_bad_one_is_named(zone: int) -> None:
    assert [zone] == flagged(Region(zones=20).bad(zone, 40, 9).test())


def test_an_empty_zone_is_not_flagged() -> None:
    found = zone_test([0, 0], [100, 100], [50, 50], 3, USUAL)
    assert ([], [0, -1, -1], [2, 0, 0]) == (
        flagged(found),
        found.worst_host_index.tolist(),
        found.hosts.tolist(),
    )


def test_no_hosts_at_all_flag_nobody() -> None:
    found = zone_test([], [], [], 2, USUAL)
    assert ([], -1, [1.0, 1.0]) == (flagged(found), found.top.top_index, found.p_value.tolist())


def test_faults_without_requests_flag_nobody() -> None:
    region = Region().bad(0, 40, 50)
    region.requests[:40] = [0.0] * 40
    assert [] == flagged(region.test())


@pytest.mark.parametrize(
    ("zone_index", "zone_count", "suspect", "said"),
    [
        ([0, 2], 2, None, "zone_index runs from 0 to 2, expected 0 to 1"),
        ([-1, 1], 2, None, "zone_index runs from -1 to 1, expected 0 to 1"),
        ([0, 0], 0, None, "zone_count is 0, expected at least 1"),
        ([0], 2, None, "requests has 2 elements, expected 1"),
        ([0, 1], 2, [True], "suspect has 1 elements, expected 2"),
    ],
)
def test_what_does_not_fit_is_refused(
    zone_index: list[int], zone_count: int, suspect: list[bool] | None, said: str
) -> None:
    mask = None if suspect is None else np.array(suspect)
    with pytest.raises(ValueError, match=said):
        zone_test(zone_index, [1, 1], [0, 0], zone_count, USUAL, suspect=mask)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("max_p_value", 0), ("min_faults", 0), ("ratio", 0.5), ("max_dispersion", 0.9)],
        *[("min_elevated_fraction", 2), ("min_elevated_hosts", 0), ("host_max_p_value", 1)],
        *[("host_ratio", math.inf), ("host_min_faults", 0)],
    ],
)
def test_constants_out_of_bounds_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"ZoneTestConfig: {name} is {value!r}, expected"):
        ZoneTestConfig(**{name: value})  # type: ignore[arg-type]


Row = tuple[int, int, int, bool]
rows_of_hosts = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 500) | st.integers(5000, 9000),
        st.integers(0, 5) | st.integers(20, 90),
        st.booleans(),
    ),
    max_size=60,
)


def result_of(rows: list[Row]) -> ZoneTestResult:
    zone, requests, faults, suspect = (
        np.array([row[column] for row in rows], dtype=np.int64) for column in range(4)
    )
    return zone_test(zone, requests, faults, 4, USUAL, suspect=suspect.astype(np.bool_))


@given(rows_of_hosts, st.randoms(use_true_random=False))
def test_the_order_of_the_hosts_does_not_matter(rows: list[Row], chance: Random) -> None:
    shuffled = rows.copy()
    chance.shuffle(shuffled)
    one, other = result_of(rows), result_of(shuffled)
    assert one.elevated_hosts.tolist() == other.elevated_hosts.tolist()
    assert one.p_value.tolist() == pytest.approx(other.p_value.tolist(), rel=1e-9)


@given(rows_of_hosts)
def test_a_zone_is_flagged_exactly_when_no_gate_failed_and_at_most_one_is(rows: list[Row]) -> None:
    found = result_of(rows)
    assert [not reasons for reasons in found.reasons] == found.flagged.tolist()
    assert len(flagged(found)) <= 1


@given(st.integers(2, 20), st.integers(1, 50), st.integers(1, 1000), st.integers(0, 1000))
def test_equal_zones_are_never_flagged(zones: int, each: int, requests: int, faults: int) -> None:
    region = Region(zones=zones, hosts=each)
    region.requests, region.faults = [requests] * (zones * each), [faults] * (zones * each)
    assert [] == flagged(region.test())


@given(st.permutations(range(4)), st.integers(2, 60))
def test_the_numbers_of_the_zones_do_not_matter(order: list[int], faults: int) -> None:
    region = Region(zones=4).bad(2, 40, faults)
    numbers = np.repeat(order, 40)
    found = zone_test(numbers, region.requests, region.faults, 4, USUAL)
    assert [order[zone] for zone in flagged(region.test())] == flagged(found)
