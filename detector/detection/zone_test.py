"""The zone test: whether one zone, and only one, is worse than its share of requests explains.

Law: a zone is flagged when every gate of `ZoneGate` passes; the result names each gate that fails.
Given the total of faults, the faults of a zone that is no worse than the rest are binomial with its
share of the requests. One bad host is not a bad zone: several hosts must be elevated, and the zone
must stand out without its worst host and without its worst caller. Two bad zones are not one bad
zone either: a shift would move traffic into the other.

Theory of operation: a zone is compared with the clean hosts of the other zones, those that the
caller does not pass as suspect, so one bad host elsewhere neither hides nor excuses a bad zone.
Where the clean hosts scatter more than chance (Pearson's X2 over N - 1 above 1.5), all counts are
divided by that factor. Whether another zone is elevated is tested without the zone in question,
without the other zone's worst host and without that division, so every doubt counts against acting.

Known limits: one signal, one window; persistence is up to the caller. A clump inside one pane stays
in every window that holds the pane. When two of three zones are equally bad, none is flagged. A
single zone has no peer and is never flagged. Cost of 20,000 hosts on one core (numpy 2.4, scipy
1.17): 1.2 ms in 3 zones, 1.5 ms in 20.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from detector.detection import constants
from detector.detection.statistics import (
    ROUNDING_SLACK,
    BoolArray,
    FloatArray,
    IntArray,
    PeerComparison,
    TopShare,
    check_constants,
    divide,
    r66,
)
from detector.detection.zone_rows import ZoneRows


class ZoneGate(StrEnum):
    """A condition for flagging a zone, named after what a zone that fails it lacks or shows."""

    NO_PEER_ZONE = "no_peer_zone"
    NOT_SIGNIFICANT = "not_significant"
    TOO_FEW_FAULTS = "too_few_faults"
    EFFECT_TOO_SMALL = "effect_too_small"
    TOO_FEW_HOSTS_ELEVATED = "too_few_hosts_elevated"
    WORST_HOST_EXPLAINS_IT = "worst_host_explains_it"
    ANOTHER_ZONE_ELEVATED = "another_zone_elevated"
    CALLER_EXPLAINS_IT = "caller_explains_it"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneTestConfig:
    """Constants of the zone test.

    `max_p_value`: the zone's p-value must be below it, in (0, 1). `min_faults`: least faults of the
    zone, >= 1. `ratio`: least rate of the zone over that of its peers, >= 1. `max_dispersion`:
    counts are divided by the dispersion of the clean hosts when it exceeds this, >= 1.
    `min_elevated_fraction`, `min_elevated_hosts`: least part, in [0, 1], and number, >= 1, of the
    zone's serving hosts that are elevated. A host is elevated when its rate is `host_ratio` (>= 1)
    times that of the other zones, it has `host_min_faults` (>= 1) and its p-value is below
    `host_max_p_value`, in (0, 1): a healthy host is elevated in less than 1 % of windows.
    """

    max_p_value: float = constants.ZONE_MAX_P
    min_faults: int = constants.ZONE_MIN_FAULTS
    ratio: float = constants.ZONE_RATIO
    max_dispersion: float = constants.ZONE_MAX_DISPERSION
    min_elevated_fraction: float = constants.ZONE_ELEVATED_FRACTION
    min_elevated_hosts: int = constants.ZONE_ELEVATED_HOSTS
    host_max_p_value: float = constants.ZONE_HOST_P
    host_ratio: float = constants.ZONE_HOST_RATIO
    host_min_faults: int = constants.ZONE_HOST_MIN_FAULTS

    def __post_init__(self) -> None:
        """Raise a ValueError that names every constant out of bounds."""
        check_constants(
            self,
            chances=("max_p_value", "host_max_p_value"),
            fractions=("min_elevated_fraction",),
            at_least_one=(
                *("min_faults", "ratio", "max_dispersion"),
                *("min_elevated_hosts", "host_ratio", "host_min_faults"),
            ),
        )


@dataclass(frozen=True, slots=True, eq=False)
class ZoneTestResult:
    """Result of the zone test for every zone, in the order of the zone numbers.

    `p_value`: chance of at least so many faults in a zone like its peers. `exposure`, `share`: the
    zone's part of the requests and of the faults of itself and its clean peers. `rate_ratio`: its
    rate over that of the peers, smoothed by half a fault. `dispersion`: the divisor of the counts,
    1 for none. `hosts`: number with requests; `elevated_hosts`: number of those clearly above the
    peers. `worst_host_index`: the host with most excess faults, -1 in an empty zone; the lower
    index on a tie. `flagged_without_worst`: significant, large and bad enough without that host.
    `reasons`: the gates that failed, empty for a flagged zone. `top`: the zones with most faults,
    for the classic alarm `top.share >= 0.66`.
    """

    p_value: FloatArray
    exposure: FloatArray
    share: FloatArray
    rate_ratio: FloatArray
    dispersion: FloatArray
    hosts: IntArray
    elevated_hosts: IntArray
    worst_host_index: IntArray
    flagged_without_worst: BoolArray
    flagged: BoolArray
    reasons: tuple[tuple[ZoneGate, ...], ...]
    top: TopShare


def zone_test(
    zone_index: ArrayLike,
    requests: ArrayLike,
    faults: ArrayLike,
    zone_count: int,
    config: ZoneTestConfig,
    *,
    suspect: BoolArray | None = None,
    excused: FloatArray | None = None,
) -> ZoneTestResult:
    """Test every zone of one fleet in one window; arrays hold one element for every host.

    `zone_index` is in [0, zone_count). Counts are finite and >= 0, fractions allowed. `suspect`
    marks hosts that must not be peers of another zone. `excused`: faults of each host that the
    worst caller of its zone explains; the zone must stand out without them. ValueError otherwise.
    """
    rows = ZoneRows.read(zone_index, requests, faults, zone_count, suspect)
    zones = rows.compare()
    dispersion = _dispersion(rows.scatter(zones), config)
    serving = np.bincount(rows.zone[rows.requests > 0.0], minlength=zone_count)
    elevated = _elevated_hosts(rows, zones, dispersion, config)
    worst = rows.worst_hosts(zones)
    without_worst = rows.without_hosts(zones, worst)
    needed = np.maximum(config.min_elevated_hosts, config.min_elevated_fraction * serving)
    still_out = _stands_out(without_worst, dispersion, config)
    rates = _rate_gates(zones, dispersion, config)
    alone = ~_another_elevated(rows, without_worst, config)
    passed = _gates(zones, rates, elevated >= needed, still_out, alone)
    if excused is not None:
        rest = zones.without(np.zeros(zone_count), rows.by_zone(excused))
        passed[ZoneGate.CALLER_EXPLAINS_IT] = _stands_out(rest, dispersion, config) | ~(
            np.logical_and.reduce(list(rates.values()))
        )
    return ZoneTestResult(
        p_value=zones.divided(dispersion).p_value(),
        exposure=zones.exposure(),
        share=divide(zones.faults, zones.faults + zones.peer_faults),
        rate_ratio=zones.rate_ratio(),
        dispersion=dispersion,
        hosts=serving,
        elevated_hosts=elevated,
        worst_host_index=worst,
        flagged_without_worst=still_out,
        flagged=np.logical_and.reduce(list(passed.values())),
        reasons=_failed_gates(passed, zone_count),
        top=r66(zones.faults),
    )


def _dispersion(scatter: FloatArray, config: ZoneTestConfig) -> FloatArray:
    divisor: FloatArray = np.where(scatter > config.max_dispersion, scatter, 1.0)
    return divisor


def _gates(
    zones: PeerComparison,
    rates: dict[ZoneGate, BoolArray],
    broad: BoolArray,
    still_out: BoolArray,
    alone: BoolArray,
) -> dict[ZoneGate, BoolArray]:
    """Return whether each zone passes each gate, in the order of `ZoneGate`."""
    stands_out = np.logical_and.reduce(list(rates.values()))
    return {
        ZoneGate.NO_PEER_ZONE: zones.peer_requests > 0.0,
        **rates,
        ZoneGate.TOO_FEW_HOSTS_ELEVATED: broad,
        # A zone that does not stand out at all passes: no single host explains it.
        ZoneGate.WORST_HOST_EXPLAINS_IT: still_out | ~stands_out,
        ZoneGate.ANOTHER_ZONE_ELEVATED: alone,
    }


def _failed_gates(
    passed: dict[ZoneGate, BoolArray], zone_count: int
) -> tuple[tuple[ZoneGate, ...], ...]:
    """List the gates that each zone fails."""
    return tuple(
        tuple(gate for gate, holds in passed.items() if not holds[zone])
        for zone in range(zone_count)
    )


def _rate_gates(
    comparison: PeerComparison, dispersion: FloatArray, config: ZoneTestConfig
) -> dict[ZoneGate, BoolArray]:
    """Return whether each zone passes the three gates on rates."""
    divided = comparison.divided(dispersion)
    return {
        ZoneGate.NOT_SIGNIFICANT: divided.p_value() < config.max_p_value,
        ZoneGate.TOO_FEW_FAULTS: divided.faults >= config.min_faults,
        ZoneGate.EFFECT_TOO_SMALL: comparison.is_rate_at_least(config.ratio),
    }


def _stands_out(
    comparison: PeerComparison, dispersion: FloatArray, config: ZoneTestConfig
) -> BoolArray:
    """Say which zones pass all three gates on rates."""
    passed: BoolArray = np.logical_and.reduce(
        list(_rate_gates(comparison, dispersion, config).values())
    )
    return passed


def _elevated_hosts(
    rows: ZoneRows, zones: PeerComparison, dispersion: FloatArray, config: ZoneTestConfig
) -> IntArray:
    """Count the hosts of each zone that are clearly above the other zones."""
    enough = rows.faults >= config.host_min_faults - ROUNDING_SLACK
    tested = np.flatnonzero(enough & (rows.requests > 0.0))
    bad = rows.compare_hosts(tested, zones).is_rate_at_least(config.host_ratio)
    tested = tested[bad]
    zone = rows.zone[tested]
    tail = rows.compare_hosts(tested, zones).divided(dispersion[zone]).p_value()
    return np.bincount(zone[tail < config.host_max_p_value], minlength=rows.zone_count)


def _another_elevated(
    rows: ZoneRows, without_worst: PeerComparison, config: ZoneTestConfig
) -> BoolArray:
    """Say, for each zone, whether another zone stands out from all zones but these two."""
    zone, other = np.nonzero(~np.eye(rows.zone_count, dtype=np.bool_))
    others = without_worst.rows(other)
    pairs = replace(
        others,
        peer_requests=np.maximum(
            others.peer_requests - rows.clean_by_zone(rows.requests)[zone], 0.0
        ),
        peer_faults=np.maximum(others.peer_faults - rows.clean_by_zone(rows.faults)[zone], 0.0),
    )
    out = _stands_out(pairs, np.ones(zone.size), config)
    return np.bincount(zone[out], minlength=rows.zone_count) > 0
