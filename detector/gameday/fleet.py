"""A simulated fleet that writes EMF log lines: a pure function of seed, interval and faults.

Law: time is divided into steps of ``STEP_MS`` aligned to the epoch. Every step has its own random
generator, seeded with (seed, step), so the events of an interval do not depend on how the interval
is split into calls.

Each host has its own weight of traffic, between 0.8 and 1.2. Latency is log-normal; callers follow
a Zipf law.

Known limits: the load is constant over time; callers do not retry; numpy's random stream, and so
the events of a seed, may change with the version of numpy.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from detector.gameday.emf import Library
from detector.gameday.faults import (
    BoolArray,
    FloatArray,
    InjectedFault,
    IntArray,
    Odds,
    Population,
    with_faults,
)
from detector.gameday.hosts import OPERATIONS, draw_hosts, draw_zones, line_template

STEP_MS = 100
"""Length of a step in milliseconds of event time."""

CALLERS = (
    "acme",
    "birch",
    "cobalt",
    "dune",
    "ember",
    "fjord",
    "grove",
    "harbor",
    "indigo",
    "juniper",
)
"""Callers from the busiest to the least busy; the n-th sends a share proportional to 1/n."""

_MEDIAN_LATENCY_MS = np.array([45.0, 12.0, 22.0])
_LATENCY_SIGMA = 0.45
_CLIENT_ERROR_SHARE = 0.02
_UNAVAILABLE_SHARE = 0.3

FleetEvent = tuple[bytes, bytes, int]
"""Kafka key (the host's name), value (the log line) and event time in epoch milliseconds."""


class Fleet:
    """Hosts in zones under constant load; the module states the law.

    ``events_per_second`` counts the whole fleet. ``fault_rate`` and ``connection_failure_rate`` are
    probabilities per request on healthy hosts. ``ValueError`` if a number is out of bounds: seed 0
    to 2^63, zones 1 to 6, hosts per zone 1 to 60,000, services 1 to 1,000, events per second 1 to
    10,000,000.
    """

    def __init__(
        self,
        seed: int,
        zones: int = 3,
        hosts_per_zone: int = 40,
        services: Sequence[str] = ("checkout", "search"),
        events_per_second: int = 2000,
        *,
        fault_rate: float = 0.001,
        connection_failure_rate: float = 0.0001,
    ) -> None:
        _check_bounds("seed", seed, 0, 2**63)
        _check_bounds("zones", zones, 1, 6)
        _check_bounds("hosts per zone", hosts_per_zone, 1, 60_000)
        _check_bounds("number of services", len(services), 1, 1000)
        _check_bounds("events per second", events_per_second, 1, 10_000_000)
        self.seed = seed
        self.events_per_second = events_per_second
        self.fault_rate = fault_rate
        self.connection_failure_rate = connection_failure_rate
        self.callers = CALLERS
        self.zones = draw_zones(seed, zones)
        self.hosts = draw_hosts(seed, self.zones, hosts_per_zone, services)
        self.population = Population(
            number_by_host={host.host_id: number for number, host in enumerate(self.hosts)},
            number_by_zone={zone.zone_id: number for number, zone in enumerate(self.zones)},
            number_by_caller={caller: number for number, caller in enumerate(self.callers)},
        )
        self._zone_by_host = np.arange(len(self.hosts)) // hosts_per_zone
        self._host_bounds = _bounds(np.array([host.weight for host in self.hosts]))
        self._caller_bounds = _bounds(1.0 / np.arange(1, len(self.callers) + 1))
        self._key_by_host = [host.host_id.encode() for host in self.hosts]
        self._template_by_operation: dict[tuple[int, int], str] = {}

    def events(
        self, from_ms: int, until_ms: int, faults: Sequence[InjectedFault] = ()
    ) -> list[FleetEvent]:
        """Return the events of ``[from_ms, until_ms)`` in order of event time (epoch ms, >= 0).

        A fault applies only within its own interval, so a caller can always pass all faults.
        """
        return [
            event
            for step in range(from_ms // STEP_MS, -(-until_ms // STEP_MS))
            for event in self._step(step, faults)
            if from_ms <= event[2] < until_ms
        ]

    def _step(self, step: int, faults: Sequence[InjectedFault]) -> Iterator[FleetEvent]:
        """Draw all events of one step.

        Faults change outcomes, never how many random numbers are drawn.
        """
        count = _events_before(self, step + 1) - _events_before(self, step)
        chance = np.random.default_rng((self.seed, step))
        uniform = chance.random((6, count))
        event_ms = step * STEP_MS + np.sort(chance.integers(0, STEP_MS, count))
        noise = np.exp(_LATENCY_SIGMA * chance.standard_normal(count))
        request_ids = chance.bytes(16 * count).hex()
        odds = with_faults(self._healthy(event_ms, uniform[0], uniform[1]), faults)
        operation = (uniform[2] * OPERATIONS).astype(np.int64)
        fault = uniform[3] < odds.fault
        columns = (
            odds.silent,
            odds.host,
            operation,
            event_ms,
            odds.caller,
            _statuses(fault, uniform[4]),
            # The added thousandth keeps rounding from printing a latency of zero.
            np.round(_MEDIAN_LATENCY_MS[operation] * noise * odds.slowness + 0.001, 3),
            fault.astype(np.int64),
            (uniform[5] < self.connection_failure_rate).astype(np.int64),
        )
        rows = zip(*(column.tolist() for column in columns), strict=True)
        for i, (silent, host, *members) in enumerate(rows):
            if not silent:
                request_id = request_ids[32 * i : 32 * i + 32]
                yield self._key_by_host[host], self._line(host, members, request_id), members[1]

    def _healthy(self, event_ms: IntArray, at_host: FloatArray, at_caller: FloatArray) -> Odds:
        host = np.searchsorted(self._host_bounds, at_host, side="right")
        return Odds(
            population=self.population,
            event_ms=event_ms,
            host=host,
            zone=self._zone_by_host[host],
            caller=np.searchsorted(self._caller_bounds, at_caller, side="right"),
            fault=np.full(len(host), self.fault_rate),
            slowness=np.ones(len(host)),
            silent=np.zeros(len(host), dtype=np.bool_),
        )

    def _line(self, host: int, members: list[Any], request_id: str) -> bytes:
        operation, event_ms, caller, status, latency_ms, faults, connection_failures = members
        template = self._template_by_operation.get((host, operation))
        if template is None:
            template = line_template(self.hosts[host], operation)
            self._template_by_operation[host, operation] = template
        latency = repr(latency_ms)
        if self.hosts[host].library is Library.NODE:
            latency = latency.removesuffix(".0")
        text = template % {
            "event_ms": event_ms,
            "caller": self.callers[caller],
            "status": status,
            "latency": latency,
            "faults": faults,
            "connection_failures": connection_failures,
            "request_id": request_id,
        }
        return text.encode()


def _events_before(fleet: Fleet, step: int) -> int:
    return step * fleet.events_per_second * STEP_MS // 1000


def _bounds(weights: FloatArray) -> FloatArray:
    """Return cumulative shares; a uniform number picks the first share above it."""
    sums: FloatArray = np.cumsum(weights)
    shares: FloatArray = sums / sums[-1]
    return shares


def _statuses(fault: BoolArray, uniform: FloatArray) -> IntArray:
    """Return 500 or 503 for faults, 404 for the caller's own errors, else 200."""
    failed = np.where(uniform < _UNAVAILABLE_SHARE, 503, 500)
    served = np.where(uniform < _CLIENT_ERROR_SHARE, 404, 200)
    return np.where(fault, failed, served)


def _check_bounds(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError(f"{name} is {value!r}, expected {low} to {high}")
