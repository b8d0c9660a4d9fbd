"""The share test: which hosts hold more of the faults than their share of the requests explains.

Law: given the total of faults, the faults of a host that is no worse than its peers are binomial
with its share of the requests. Conditioning on the total cancels the unknown base rate, so the test
is exact at low counts, and uneven traffic alone can never make a suspect. A suspect must be both
significant and bad: its rate must be at least `ratio` times that of its peers.

Suspects leave the pool that the others are compared with and the test repeats, so many bad hosts
do not hide each other. When more than half of the fleet is suspect, the cause is shared and no host
is a suspect.

Known limits: counts that clump (one failure retried three times) are not binomial and make healthy
hosts suspect; count distinct requests, or set `max_dispersion`. A clump inside one pane stays in
every window that holds the pane, so 3 of 5 windows that slide by a sixth prove little more than one
window: in a healthy fleet of 20,000 hosts with 600 requests a minute and 0.1 % faults, some host is
suspect in one window every two days, and in 3 of 5 once or twice a month (q = 1e-4: once a year). A
service with a single caller must not pass `callers`: without that caller nothing is left, and every
bad host would be excused. Faults of a host without requests raise the baseline.

Cost of 20,000 hosts on one core (numpy 2.4, scipy 1.17): 0.5 ms in the usual case of few hosts with
five faults, 0.7 ms with five suspects, 3.9 ms with 6,000, 7 ms when every host has five faults.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from detector.detection import constants
from detector.detection.statistics import (
    ROUNDING_SLACK,
    BoolArray,
    FloatArray,
    PeerComparison,
    benjamini_hochberg,
    check_constants,
    compare,
    pearson_dispersion,
    read_counts,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareTestConfig:
    """Constants of the share test.

    `rho`: rate over that of the peers that the null hypothesis still allows a host, >= 1.
    `ratio`: least rate of a suspect over that of its peers, >= 1.
    `min_faults`: least faults of a suspect in the window, >= 1.
    `q`: false discovery rate of Benjamini and Hochberg over all hosts, in (0, 1).
    `max_rounds`: most repetitions; the last set of suspects is then used as it is, >= 1.
    `fleet_event_fraction`: with more suspects than this part of the serving hosts, in [0, 1], there
    is a fleet event and no suspect.
    `max_dispersion`: when the clean hosts scatter more than this times chance, >= 1, the test is
    repeated with all faults divided by that scatter; None never divides.
    """

    rho: float = constants.SHARE_RHO
    ratio: float = constants.SHARE_RATIO
    min_faults: int = constants.SHARE_MIN_FAULTS
    q: float = constants.SHARE_Q
    max_rounds: int = constants.SHARE_MAX_ROUNDS
    fleet_event_fraction: float = constants.SHARE_FLEET_EVENT_FRACTION
    max_dispersion: float | None = None

    def __post_init__(self) -> None:
        """Raise a ValueError that names every constant out of bounds."""
        check_constants(
            self,
            chances=("q",),
            fractions=("fleet_event_fraction",),
            at_least_one=(
                *("rho", "ratio", "min_faults", "max_rounds"),
                *(() if self.max_dispersion is None else ("max_dispersion",)),
            ),
        )


class TopCallers(NamedTuple):
    """Counts of the caller that met most faults at each host; 0 where unknown."""

    requests: ArrayLike
    faults: ArrayLike


@dataclass(frozen=True, slots=True, eq=False)
class ShareTestResult:
    """Result of the share test for every host, in the order of the hosts given.

    `suspect`: worse than its peers, also without its top caller. `caller_blamed`: worse, but not
    without its top caller; never also suspect. Both are all false in a `fleet_event`. `p_value`:
    chance of at least so many faults in a host with `rho` times the rate of its peers; 1 below
    `min_faults`. `rate_ratio`: rate over that of the peers, smoothed by half a fault; 0 without
    requests. `excess`: faults beyond the rate of the peers. `baseline_rate`: faults per request of
    the clean hosts. `rounds`: number of times the test ran; `converged`: the last round found the
    same suspects as the one before.
    """

    suspect: BoolArray
    caller_blamed: BoolArray
    p_value: FloatArray
    rate_ratio: FloatArray
    excess: FloatArray
    baseline_rate: float
    dispersion: float
    rounds: int
    converged: bool
    fleet_event: bool


class _Search(NamedTuple):
    """Result of the last round: the suspects of the whole fleet and how they were reached."""

    suspect: BoolArray
    dispersion: float
    rounds: int
    converged: bool
    fleet_event: bool


def share_test(
    requests: ArrayLike,
    faults: ArrayLike,
    config: ShareTestConfig,
    callers: TopCallers | None = None,
) -> ShareTestResult:
    """Test every host of one fleet in one window; all arrays hold one element for every host.

    Counts are finite and >= 0, fractions allowed; ValueError otherwise. A host without requests has
    p = 1.
    """
    served = read_counts(requests, "requests")
    failed = read_counts(faults, "faults", served.size)
    search = _search_with_dispersion(served, failed, config)
    clean = ~search.suspect
    evidence = compare(served, failed, clean)
    tested = np.flatnonzero(_is_tested(evidence, config))
    p_value = np.ones(served.size)
    p_value[tested] = evidence.rows(tested).divided(search.dispersion).p_value(config.rho)
    blamed = np.zeros_like(clean)
    if callers is not None:
        blamed = _caller_explains(evidence, callers, search, config)
    clean_requests = float(served[clean].sum())
    return ShareTestResult(
        suspect=search.suspect & ~blamed,
        caller_blamed=blamed,
        p_value=p_value,
        rate_ratio=evidence.rate_ratio(),
        excess=evidence.excess(),
        baseline_rate=float(failed[clean].sum()) / clean_requests if clean_requests > 0.0 else 0.0,
        dispersion=search.dispersion,
        rounds=search.rounds,
        converged=search.converged,
        fleet_event=search.fleet_event,
    )


def _search_with_dispersion(
    requests: FloatArray, faults: FloatArray, config: ShareTestConfig
) -> _Search:
    """Search as if counts did not clump, and once more if the clean hosts show that they do."""
    search = _search(requests, faults, config, 1.0)
    if config.max_dispersion is None or search.fleet_event:
        return search
    scatter = pearson_dispersion(requests, faults, ~search.suspect)
    return (
        search if scatter <= config.max_dispersion else _search(requests, faults, config, scatter)
    )


def _search(
    requests: FloatArray, faults: FloatArray, config: ShareTestConfig, dispersion: float
) -> _Search:
    """Repeat the test without the suspects in the pool until the suspects stay the same."""
    none = np.zeros(requests.size, dtype=np.bool_)
    most = config.fleet_event_fraction * float(np.count_nonzero(requests > 0.0))
    suspect = none
    for rounds in range(1, config.max_rounds + 1):
        found = none.copy()
        evidence = compare(requests, faults, ~suspect)
        bad = np.flatnonzero(_is_bad(evidence, config))
        # The gate is applied before the procedure and sets p to 1: a set of discoveries that is
        # filtered afterwards would not keep its false discovery rate.
        tail = evidence.rows(bad).divided(dispersion).p_value(config.rho)
        found[bad] = benjamini_hochberg(tail, config.q, hypotheses=requests.size)
        if np.count_nonzero(found) > most:
            return _Search(none, dispersion, rounds, converged=False, fleet_event=True)
        if np.array_equal(found, suspect):
            return _Search(suspect, dispersion, rounds, converged=True, fleet_event=False)
        suspect = found
    return _Search(suspect, dispersion, config.max_rounds, converged=False, fleet_event=False)


def _is_tested(evidence: PeerComparison, config: ShareTestConfig) -> BoolArray:
    enough: BoolArray = evidence.faults >= config.min_faults - ROUNDING_SLACK
    return enough & (evidence.requests > 0.0)


def _is_bad(evidence: PeerComparison, config: ShareTestConfig) -> BoolArray:
    return _is_tested(evidence, config) & evidence.is_rate_at_least(config.ratio)


def _caller_explains(
    evidence: PeerComparison, callers: TopCallers, search: _Search, config: ShareTestConfig
) -> BoolArray:
    """Mark suspects that are no longer significant without their top caller.

    The level is that of the last suspect accepted: q times suspects over hosts.
    """
    hosts = search.suspect.size
    requests = read_counts(callers.requests, "requests of the top callers", hosts)
    faults = read_counts(callers.faults, "faults of the top callers", hosts)
    suspects = np.flatnonzero(search.suspect & (faults > 0.0))
    rest = evidence.rows(suspects).without(requests[suspects], faults[suspects])
    bad = _is_bad(rest, config)
    p_value = np.ones(suspects.size)
    p_value[bad] = rest.rows(bad).divided(search.dispersion).p_value(config.rho)
    level = config.q * np.count_nonzero(search.suspect) / max(hosts, 1)
    explained = np.zeros(hosts, dtype=np.bool_)
    explained[suspects] = p_value > level
    return explained
