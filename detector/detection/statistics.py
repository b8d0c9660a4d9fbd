"""Counting statistics of the detection rules: tails, multiplicity, bounds, shares, excess.

Law: every function is pure, takes arrays of any length including none, and its answer for one
element does not depend on the order of the others (a tie is settled by the lower index).

Counts are floats because an event may carry a fractional sum. `scipy.special` alone is imported:
`scipy.stats` holds the same tail but costs 47 MiB of resident memory.
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

# A sum of fractions that should be whole may miss it by the rounding of its additions.
ROUNDING_SLACK: Final = 1e-9


class TopShare(NamedTuple):
    """Who holds most of a sum, and who comes next; index -1 and share 0.0 mean nobody."""

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
        raise ValueError(f"{name} has {array.size} elements, expected {length}: one a host")
    # A NaN fails both comparisons, so it is refused with the rest.
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

    This is the pool "clean hosts and h" less h itself, so it holds for suspects and non-suspects
    alike.
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

    `hypotheses` is how many were tested, when `p` leaves out those that are certain to be 1; it is
    at least the length of `p`, which is its default. A NaN is never rejected.
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

    The talk's rule is `r66(faults).share > 0.66`, strictly; threshold, count floors and persistence
    by the same contributor are the caller's. Only a contributor with faults is ever named.
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
    """Counts of some hosts or zones, each beside those of the peers that it is compared with."""

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
        """Divide own rate by that of the peers, theirs raised by half a fault and one request.

        The addition keeps faultless peers from dividing by zero. 0 without requests.
        """
        own_rate = divide(self.faults, self.requests)
        ratio: FloatArray = own_rate * (self.peer_requests + 1.0) / (self.peer_faults + 0.5)
        return ratio

    def is_rate_at_least(self, ratio: float) -> BoolArray:
        """Tell where `rate_ratio` is at least `ratio`, without a division, so exactly on a tie.

        False without requests.
        """
        limit = ratio * self.requests * (self.peer_faults + 0.5)
        reached: BoolArray = self.faults * (self.peer_requests + 1.0) >= limit
        return reached & (self.requests > 0.0)

    def excess(self) -> FloatArray:
        """Count faults beyond what the requests would have met at the rate of the peers.

        May be negative; 0 where the peers served nothing, for then nothing is known.
        """
        known = self.peer_requests > 0.0
        expected = divide(self.peer_faults, self.peer_requests) * self.requests
        excess: FloatArray = np.where(known, self.faults - expected, 0.0)
        return excess

    def without(self, requests: FloatArray, faults: FloatArray) -> "PeerComparison":
        """Take own counts away, down to 0 at the least; the peers stay."""
        return replace(
            self,
            requests=np.maximum(self.requests - requests, 0.0),
            faults=np.maximum(self.faults - faults, 0.0),
        )

    def divided(self, dispersion: FloatArray | float) -> "PeerComparison":
        """Divide all faults; own faults are rounded down, so that a tail is never understated."""
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
    """Set each host beside all other clean hosts."""
    return PeerComparison(
        requests, faults, sum_of_others(requests, clean), sum_of_others(faults, clean)
    )


def pearson_dispersion(requests: FloatArray, faults: FloatArray, clean: BoolArray) -> float:
    """Estimate how much the clean hosts scatter beyond chance: X2 over N - 1, 1.0 for chance alone.

    X2 = sum of (F_h - q R_h)^2 / (q R_h) = (sum of F_h^2 / R_h) / q - sum of F_h, with q their
    pooled rate. 1.0 also where fewer than two hosts or no faults leave nothing to estimate.
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

    F_h - q_h R_h, with q_h the pooled rate of all other hosts: the customer pain that removing the
    host would take away. 0 where the others served nothing; may be negative.
    """
    served = read_counts(requests, "requests")
    failed = read_counts(faults, "faults", served.size)
    return compare(served, failed, np.ones(served.size, dtype=np.bool_)).excess()


def divide(dividend: FloatArray, divisor: FloatArray) -> FloatArray:
    """Divide, with 0 where the divisor is 0."""
    some = divisor > 0.0
    quotient: FloatArray = np.where(some, dividend / np.where(some, divisor, 1.0), 0.0)
    return quotient
