"""Injected faults of a simulated fleet: each changes probabilities over an interval of event time.

Law: a fault only changes probabilities and draws no random numbers. A seed therefore gives the same
events with and without it; only their outcome differs. If several faults apply to one event, the
highest fault share counts, and latency factors multiply.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_GOLDEN_RATIO = 0.6180339887498949
"""Its multiples, modulo 1, are evenly spread for any count (Weyl sequence)."""


@dataclass(frozen=True, slots=True)
class Population:
    """Everything a fault can name: the number that ``Odds`` uses per host, zone ID and caller."""

    number_by_host: Mapping[str, int]
    number_by_zone: Mapping[str, int]
    number_by_caller: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """A batch of requests before their outcome is drawn; every array has one element per request.

    ``event_ms`` is in epoch milliseconds; ``host``, ``zone`` and ``caller`` are numbers of the
    ``population``. ``fault`` is the probability of a fault, ``slowness`` a factor on latency. A
    ``silent`` request is served, but its log line never leaves the host.
    """

    population: Population
    event_ms: IntArray
    host: IntArray
    zone: IntArray
    caller: IntArray
    fault: FloatArray
    slowness: FloatArray
    silent: BoolArray


class InjectedFault(Protocol):
    """A fault in ``[from_ms, until_ms)`` of event time, epoch ms; ``None`` means no end."""

    @property
    def from_ms(self) -> int:
        """First event time that the fault affects."""

    @property
    def until_ms(self) -> int | None:
        """First event time that it no longer affects."""

    def change(self, odds: Odds) -> Odds:
        """Return the odds with this fault; ``ValueError`` if it names something unknown."""


@dataclass(frozen=True, slots=True)
class GrayHost:
    """A host that still serves, but fails the fraction ``share`` of its requests."""

    host: str
    share: float = 0.30
    from_ms: int = 0
    until_ms: int | None = None

    def change(self, odds: Odds) -> Odds:
        """Raise the fault probability of the host's requests to ``share``."""
        touched = _on_host(self, self.host, odds)
        return replace(
            odds, fault=np.where(touched, np.maximum(odds.fault, self.share), odds.fault)
        )


@dataclass(frozen=True, slots=True)
class GrayZone:
    """A zone where most hosts fail a part of their requests.

    The fraction ``sick_hosts`` of its hosts fails a share between ``least_share`` and ``share``.
    The host's number alone decides whether it is sick, and how badly.
    """

    zone: str
    share: float = 0.30
    from_ms: int = 0
    until_ms: int | None = None
    least_share: float = 0.15
    sick_hosts: float = 0.85

    def change(self, odds: Odds) -> Odds:
        """Raise the fault probability of requests to the zone's sick hosts."""
        zone = _number(odds.population.number_by_zone, self.zone, "zone")
        rank = (odds.host * _GOLDEN_RATIO) % 1.0
        touched = _during(self, odds) & (odds.zone == zone) & (rank < self.sick_hosts)
        share = self.least_share + (self.share - self.least_share) * rank / self.sick_hosts
        return replace(odds, fault=np.where(touched, np.maximum(odds.fault, share), odds.fault))


@dataclass(frozen=True, slots=True)
class SilentHost:
    """A host whose log lines stop arriving."""

    host: str
    from_ms: int = 0
    until_ms: int | None = None

    def change(self, odds: Odds) -> Odds:
        """Silence the host's requests."""
        return replace(odds, silent=odds.silent | _on_host(self, self.host, odds))


@dataclass(frozen=True, slots=True)
class SlowHost:
    """A host that answers correctly, but ``factor`` times slower."""

    host: str
    factor: float = 20.0
    from_ms: int = 0
    until_ms: int | None = None

    def change(self, odds: Odds) -> Odds:
        """Multiply the latency of the host's requests."""
        touched = _on_host(self, self.host, odds)
        return replace(odds, slowness=np.where(touched, odds.slowness * self.factor, odds.slowness))


@dataclass(frozen=True, slots=True)
class PoisonCaller:
    """A caller whose requests fail with probability ``share`` on all hosts; no host is at fault."""

    caller: str
    share: float = 0.90
    from_ms: int = 0
    until_ms: int | None = None

    def change(self, odds: Odds) -> Odds:
        """Raise the fault probability of the caller's requests to ``share``."""
        caller = _number(odds.population.number_by_caller, self.caller, "caller")
        touched = _during(self, odds) & (odds.caller == caller)
        return replace(
            odds, fault=np.where(touched, np.maximum(odds.fault, self.share), odds.fault)
        )


def with_faults(odds: Odds, faults: Iterable[InjectedFault]) -> Odds:
    """Apply all faults; their order does not matter."""
    for fault in faults:
        odds = fault.change(odds)
    return odds


def is_active(fault: InjectedFault, at_ms: int) -> bool:
    """Say whether the fault affects events of time ``at_ms``."""
    return fault.from_ms <= at_ms and (fault.until_ms is None or at_ms < fault.until_ms)


def _during(fault: InjectedFault, odds: Odds) -> BoolArray:
    begun: BoolArray = odds.event_ms >= fault.from_ms
    if fault.until_ms is not None:
        begun &= odds.event_ms < fault.until_ms
    return begun


def _on_host(fault: InjectedFault, host: str, odds: Odds) -> BoolArray:
    at_host: BoolArray = odds.host == _number(odds.population.number_by_host, host, "host")
    return _during(fault, odds) & at_host


def _number(number_by_name: Mapping[str, int], name: str, kind: str) -> int:
    number = number_by_name.get(name)
    if number is None:
        raise ValueError(
            f"fault names {kind} {name!r}, expected one of the fleet's {len(number_by_name)}, "
            f"such as {next(iter(number_by_name), None)!r}"
        )
    return number
