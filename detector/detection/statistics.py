"""Counting statistics of the detectors: tails, multiple tests, shares, excess, comparisons.

Law: every function is pure and takes arrays of any length, also 0; its result for one element does
not depend on the order of the others (the lower index wins a tie).

Counts are floats because an event may carry a fractional sum. Only `scipy.special` is imported:
`scipy.stats` has the same tails but costs 47 MiB of resident memory.
"""

import sys
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, gammaln

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

# A sum of fractions that should be a whole number may miss it by rounding errors.
ROUNDING_SLACK: Final = 1e-9


class TopShare(NamedTuple):
    """The two largest shares of a sum; index -1 and share 0.0 where there is none."""

    top_index: int
    share: float
    runner_up_index: int
    runner_up_share: float


NOBODY: Final = TopShare(-1, 0.0, -1, 0.0)


def read_counts(values: ArrayLike, name: str, length: int | None = None) -> FloatArray:
    """Read `values` as a one-dimensional array of finite counts >= 0, of `length` when given.

    Raises ValueError that names the array otherwise.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} has {array.ndim} dimensions, expected 1")
    if length is not None and array.size != length:
        raise ValueError(f"{name} has {array.size} elements, expected {length}: one per host")
    # A NaN fails both comparisons, so it is refused too.
    if not bool(np.all((array >= 0.0) & (array < np.inf))):
        raise ValueError(f"{name} holds a negative or non-finite count, expected finite and >= 0")
    return array


def check_constants(
    constants: object,
    *,
    chances: tuple[str, ...] = (),
    fractions: tuple[str, ...] = (),
    at_least_one: tuple[str, ...] = (),
) -> None:
    """Raise a ValueError that names every attribute of `constants` that is out of its bounds."""
    faults = [
        f"{name} is {value!r}, expected {expected}"
        for names, low, high, closed, expected in (
            (chances, 0.0, 1.0, False, "more than 0 and less than 1"),
            (fractions, 0.0, 1.0, True, "at least 0 and at most 1"),
            (at_least_one, 1.0, sys.float_info.max, True, "a finite number of at least 1"),
        )
        for name in names
        if not (low < (value := getattr(constants, name)) < high)
        and not (closed and value in {low, high})
    ]
    if faults:
        raise ValueError(f"{type(constants).__name__}: {'; '.join(faults)}")


def sum_of_others(values: FloatArray, clean: BoolArray) -> FloatArray:
    """Sum, for each host, the values of all other clean hosts.

    The pool of host h is the clean hosts without h, whether h is clean or not.
    """
    own = np.where(clean, values, 0.0)
    others: FloatArray = np.maximum(own.sum() - own, 0.0)
    return others


def binomial_upper_tail(n: ArrayLike, p: ArrayLike, k: ArrayLike) -> FloatArray:
    """Compute P(Bin(n, p) >= k) element by element, exactly: 1 where k <= 0, 0 where k > n.

    P(Bin(n, p) >= k) = I_p(k, n - k + 1), the regularised incomplete beta function; relative error
    below 1e-12 down to 1e-300. Fractional n and k are rounded up, with a slack of 1e-9.
    Raises ValueError for p outside [0, 1].
    """
    chance = np.asarray(p, dtype=np.float64)
    if not bool(np.all((chance >= 0.0) & (chance <= 1.0))):
        raise ValueError("p holds a value outside [0, 1], expected probabilities")
    trials = np.ceil(np.asarray(n, dtype=np.float64) - ROUNDING_SLACK)
    successes = np.ceil(np.asarray(k, dtype=np.float64) - ROUNDING_SLACK)
    inner = (successes > 0.0) & (successes <= trials)
    tail = betainc(
        np.where(inner, successes, 1.0), np.where(inner, trials - successes + 1.0, 1.0), chance
    )
    bounded: FloatArray = np.where(inner, tail, np.where(successes <= 0.0, 1.0, 0.0))
    return bounded


def hypergeometric_upper_tail(hosts: int, marked: int, drawn: int, hits: int) -> float:
    """Compute P(X >= hits), X the marked among ``drawn`` of ``hosts`` without replacement.

    0 <= marked, drawn <= hosts. Sums the terms in logarithms: relative error below 1e-9.
    """
    most = min(marked, drawn)
    least = max(hits, marked + drawn - hosts, 0)
    if least > most:
        return 0.0
    k = np.arange(least, most + 1, dtype=np.float64)

    def choose(n: float, chosen: FloatArray | float) -> FloatArray:
        ways: FloatArray = gammaln(n + 1.0) - gammaln(chosen + 1.0) - gammaln(n - chosen + 1.0)
        return ways

    terms = choose(marked, k) + choose(hosts - marked, drawn - k) - choose(hosts, float(drawn))
    return float(min(np.exp(terms).sum(), 1.0))


def benjamini_hochberg(p: ArrayLike, q: float, *, hypotheses: int | None = None) -> BoolArray:
    """Mark the p-values that Benjamini and Hochberg (1995) reject at false discovery rate `q`.

    `hypotheses` is the number of tests when `p` leaves out values that are certain to be 1; at
    least the length of `p`, which is the default. A NaN is never rejected.
    """
    values = np.asarray(p, dtype=np.float64)
    tested = values.size if hypotheses is None else hypotheses
    if tested < values.size:
        raise ValueError(f"hypotheses is {tested}, expected at least {values.size}, the p-values")
    if values.size == 0:
        return np.zeros(0, dtype=np.bool_)
    ordered = np.sort(values)
    ranks = np.flatnonzero(ordered <= q * np.arange(1, values.size + 1) / tested)
    if ranks.size == 0:
        return np.zeros(values.size, dtype=np.bool_)
    rejected: BoolArray = values <= ordered[ranks[-1]]
    return rejected


def r66(faults: ArrayLike) -> TopShare:
    """Find the two contributors with most faults and their shares of the sum, each in [0, 1].

    The talk's rule is `r66(faults).share > 0.66`, strictly; the caller adds threshold, floors of
    counts and persistence of the same contributor. Only contributors with faults are named.
    """
    values = np.asarray(faults, dtype=np.float64)
    total = float(values.sum())
    if total <= 0.0:
        return NOBODY
    top = int(np.argmax(values))
    rest = values.copy()
    rest[top] = 0.0
    second = int(np.argmax(rest))
    if rest[second] <= 0.0:
        return TopShare(top, float(values[top]) / total, -1, 0.0)
    return TopShare(top, float(values[top]) / total, second, float(rest[second]) / total)


@dataclass(frozen=True, slots=True, eq=False)
class PeerComparison:
    """Counts of some hosts or zones, each with the counts of the peers it is compared with."""

    requests: FloatArray
    faults: FloatArray
    peer_requests: FloatArray
    peer_faults: FloatArray

    def exposure(self, rho: float = 1.0) -> FloatArray:
        """Compute the share of faults expected at `rho` times the rate of the peers, in [0, 1]."""
        weight = rho * self.requests
        return divide(weight, weight + self.peer_requests)

    def p_value(self, rho: float = 1.0) -> FloatArray:
        """Compute the chance of at least so many faults at `rho` times the rate of the peers."""
        return binomial_upper_tail(self.faults + self.peer_faults, self.exposure(rho), self.faults)

    def rate_ratio(self) -> FloatArray:
        """Divide the own rate by that of the peers plus half a fault and one request.

        The addition avoids a division by zero for peers without faults. 0 without requests.
        """
        own_rate = divide(self.faults, self.requests)
        ratio: FloatArray = own_rate * (self.peer_requests + 1.0) / (self.peer_faults + 0.5)
        return ratio

    def is_rate_at_least(self, ratio: float) -> BoolArray:
        """Say where `rate_ratio` is at least `ratio`; no division, so a tie is exact.

        False without requests.
        """
        limit = ratio * self.requests * (self.peer_faults + 0.5)
        reached: BoolArray = self.faults * (self.peer_requests + 1.0) >= limit
        return reached & (self.requests > 0.0)

    def excess(self) -> FloatArray:
        """Count faults beyond those that the requests would meet at the rate of the peers.

        May be negative; 0 where the peers served nothing and their rate is unknown.
        """
        known = self.peer_requests > 0.0
        expected = divide(self.peer_faults, self.peer_requests) * self.requests
        excess: FloatArray = np.where(known, self.faults - expected, 0.0)
        return excess

    def without(self, requests: FloatArray, faults: FloatArray) -> "PeerComparison":
        """Subtract from the own counts, not below 0; the peers stay."""
        return replace(
            self,
            requests=np.maximum(self.requests - requests, 0.0),
            faults=np.maximum(self.faults - faults, 0.0),
        )

    def divided(self, dispersion: FloatArray | float) -> "PeerComparison":
        """Divide all faults; own faults are rounded down, so no p-value comes out too small."""
        return replace(
            self,
            faults=np.floor(self.faults / dispersion + ROUNDING_SLACK),
            peer_faults=self.peer_faults / dispersion,
        )

    def rows(self, rows: BoolArray | IntArray) -> "PeerComparison":
        """Pick rows, as numpy indexes an array."""
        return PeerComparison(
            self.requests[rows], self.faults[rows], self.peer_requests[rows], self.peer_faults[rows]
        )


def compare(requests: FloatArray, faults: FloatArray, clean: BoolArray) -> PeerComparison:
    """Compare each host with all other clean hosts."""
    return PeerComparison(
        requests, faults, sum_of_others(requests, clean), sum_of_others(faults, clean)
    )


def pearson_dispersion(requests: FloatArray, faults: FloatArray, clean: BoolArray) -> float:
    """Estimate how much the clean hosts scatter beyond chance: X2 over N - 1, 1.0 for chance alone.

    X2 = sum of (F_h - q R_h)^2 / (q R_h) = (sum of F_h^2 / R_h) / q - sum of F_h, with q their
    pooled rate. 1.0 also for fewer than two hosts or no faults, where there is nothing to estimate.
    """
    serving = clean & (requests > 0.0)
    served, failed = requests[serving], faults[serving]
    total = float(failed.sum())
    if served.size < 2 or total <= 0.0:  # noqa: PLR2004, a scatter needs two.
        return 1.0
    squares = float((failed * failed / served).sum())
    return (squares * float(served.sum()) / total - total) / (served.size - 1)


def excess_faults(faults: ArrayLike, requests: ArrayLike) -> FloatArray:
    """Count the faults of each host beyond what it would have had at the rate of the others.

    F_h - q_h R_h, with q_h the pooled rate of all other hosts: the faults that customers would be
    spared without the host. 0 where the others served nothing; may be negative.
    """
    served = read_counts(requests, "requests")
    failed = read_counts(faults, "faults", served.size)
    return compare(served, failed, np.ones(served.size, dtype=np.bool_)).excess()


def divide(dividend: FloatArray, divisor: FloatArray) -> FloatArray:
    """Divide, with 0 where the divisor is 0."""
    some = divisor > 0.0
    quotient: FloatArray = np.where(some, dividend / np.where(some, divisor, 1.0), 0.0)
    return quotient
