"""Budgets of actions: token buckets, capacity limits and cool-downs, counted in steady seconds.

Law: restarts, clock jumps and repeated calls never make a budget larger than it would be without
them.

Theory of operation: budgets count *steady seconds*, which only ``SteadyClock`` produces. Within a
process it advances by the smaller of the advances of the wall clock and the monotonic clock, and
never goes back. After a restart it continues from its saved reading: time without a running decider
does not count, because it cannot be distinguished from a jump of the clock.

Known limit: after a crash, the time since the last saved reading is lost as well (the owner saves
it at least every minute while a budget is not full). A budget may therefore refill later than by
the wall clock, never earlier.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from detector.core.steady_time import SteadyTime

# Fractions of hosts are rounded to whole hosts; this keeps 0.29 * 100 from becoming 28.
_ROUNDING = 1e-9


class SteadyClock:
    """Counts the seconds that certainly passed while a decider ran, starting at a saved reading."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds
        self._last: SteadyTime | None = None

    @property
    def seconds(self) -> float:
        """The last reading."""
        return self._seconds

    def read(self, now: SteadyTime) -> float:
        """Return the steady seconds at ``now``; they never go back and never outrun a clock."""
        if self._last is not None:
            wall = now.wall - self._last.wall
            monotonic = now.monotonic - self._last.monotonic
            self._seconds += max(0.0, min(wall, monotonic))
        self._last = now
        return self._seconds


@dataclass(frozen=True, slots=True)
class BucketLimits:
    """``capacity`` tokens at most (0 to 1,000), ``refill_per_second`` (0 to 1).

    ``ValueError`` otherwise. A capacity below one token forbids every action: an action costs one.
    """

    capacity: float
    refill_per_second: float

    def __post_init__(self) -> None:
        """Refuse values outside the bounds."""
        _demand("bucket capacity in tokens", self.capacity, 0.0, 1_000.0)
        _demand("bucket refill in tokens a second", self.refill_per_second, 0.0, 1.0)


class TokenBucket:
    """One limit on the rate of actions; a new bucket is full.

    ``at`` is the steady second for which ``tokens`` holds.
    """

    def __init__(self, limits: BucketLimits, tokens: float | None = None, at: float = 0.0) -> None:
        wanted = limits.capacity if tokens is None else tokens
        self.limits = limits
        self._tokens = min(max(wanted, 0.0), limits.capacity)
        self._at = at

    def level(self, now: float) -> float:
        """Return the tokens at steady second ``now``, between 0 and the capacity."""
        refilled = max(0.0, now - self._at) * self.limits.refill_per_second
        return min(self.limits.capacity, self._tokens + refilled)

    def spend(self, cost: float, now: float) -> bool:
        """Spend ``cost`` (positive) at steady second ``now``; return whether it was available."""
        if not cost > 0.0:
            raise ValueError(f"cost must be positive, found {cost!r}")
        level = self.level(now)
        if level < cost:
            return False
        self._tokens = level - cost
        self._at = max(self._at, now)
        return True

    def is_full(self, now: float) -> bool:
        """Return whether the bucket is full, like a new one."""
        return self.level(now) >= self.limits.capacity

    def snapshot(self) -> list[float]:
        """Return plain data: the tokens, and the steady second for which they hold."""
        return [self._tokens, self._at]


@dataclass(frozen=True, slots=True)
class CapacityLimits:
    """How many hosts may be removed per rolling window of ``window_seconds`` (60 to 604,800).

    ``fraction`` (0 to 0.5) is of the fleet; ``ValueError`` outside the bounds.

    Small fleets: the limit is at least one host, unless the fraction is 0, which forbids removing
    hosts at all.
    """

    fraction: float = 0.01
    window_seconds: float = 3_600.0

    def __post_init__(self) -> None:
        """Refuse values outside the bounds."""
        _demand("capacity fraction", self.fraction, 0.0, 0.5)
        _demand("capacity window in seconds", self.window_seconds, 60.0, 604_800.0)

    def fleet_limit(self, hosts: int) -> int:
        """Return how many of a fleet's ``hosts`` may be removed per window."""
        return at_least_one(self.fraction, hosts)

    def zone_limit(self, hosts: int) -> int:
        """Return how many hosts of one zone may be removed per window: half the fleet's limit.

        It is at least one if the fleet's limit allows any. ``hosts`` counts the whole fleet.
        """
        fleet_limit = self.fleet_limit(hosts)
        return max(1, fleet_limit // 2) if fleet_limit else 0


class CoolDown:
    """Cool-downs by scope, each lasting ``seconds`` from its last start."""

    def __init__(self, seconds: float, until_by_scope: Mapping[str, float] | None = None) -> None:
        self._seconds = seconds
        self._until_by_scope = dict(until_by_scope or {})

    def start(self, scope: str, now: float) -> None:
        """Start the cool-down of ``scope`` at steady second ``now``."""
        self._until_by_scope[scope] = now + self._seconds

    def remaining(self, scope: str, now: float) -> float:
        """Return the remaining seconds of the cool-down of ``scope``; 0 if there is none."""
        return max(0.0, self._until_by_scope.get(scope, now) - now)

    def forget_ended(self, now: float) -> None:
        """Drop the cool-downs that have ended by ``now``."""
        self._until_by_scope = {s: t for s, t in self._until_by_scope.items() if t > now}

    def snapshot(self) -> dict[str, float]:
        """Return plain data: the steady second at which each scope's cool-down ends."""
        return dict(self._until_by_scope)


def _demand(what: str, found: float, low: float, high: float) -> None:
    if not low <= found <= high:
        raise ValueError(f"{what} must be {low:g} to {high:g}, found {found!r}")


def at_least_one(fraction: float, hosts: int) -> int:
    """Return ``fraction`` of ``hosts`` rounded down, but at least 1 unless the fraction is 0."""
    return max(1, math.floor(fraction * hosts + _ROUNDING)) if fraction > 0.0 else 0


def healthy_needed(floor: float, hosts: int) -> int:
    """Return how many of ``hosts`` must remain when one is removed: ``floor`` of them, rounded up.

    Small fleets: where that would forbid removing even one host (fewer than ten hosts at 0.90),
    all but one must remain; the last host is never removed.
    """
    return max(1, min(math.ceil(floor * hosts - _ROUNDING), hosts - 1))


def restored_buckets(
    limits: BucketLimits, snapshot: Mapping[str, Iterable[float]]
) -> dict[str, TokenBucket]:
    """Return the buckets of a snapshot ``{scope: [tokens, at]}`` with the current ``limits``."""
    return {scope: TokenBucket(limits, *pair) for scope, pair in snapshot.items()}
