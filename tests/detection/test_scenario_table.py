"""The scenario table: a thousand hosts in trouble, the share test beside the plain 66 % rule.

Every scenario runs through 40 one-minute windows that do not overlap; a host is acted on when the
same host is named in 3 of 5 of them. The table is a regression test, not evidence: it is our own
simulation. Every margin is so wide that no seed is expected to cross it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.random import Generator
from numpy.typing import NDArray

from detector.detection.share_test import ShareTestConfig, TopCallers, share_test
from detector.detection.statistics import r66

HOSTS = 1000
WINDOWS = 40
USUAL = ShareTestConfig()

Counts = NDArray[np.int64]
Named = list[int]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Mean requests a minute and fault rate of each host, and which hosts are really bad."""

    requests: NDArray[np.float64]
    rate: NDArray[np.float64]
    gray: frozenset[int] = frozenset()
    poison_requests: int = 0

    def window(self, chance: Generator) -> tuple[Counts, Counts, TopCallers]:
        """Draw one window; the poison caller sticks to host 0, the other callers are small."""
        requests = chance.poisson(self.requests)
        faults = chance.binomial(requests, self.rate)
        caller_requests, caller_faults = np.minimum(requests, 10), np.minimum(faults, 1)
        if self.poison_requests:
            requests[0] += self.poison_requests
            faults[0] += self.poison_requests
            caller_requests[0] = caller_faults[0] = self.poison_requests
        return requests, faults, TopCallers(caller_requests, caller_faults)


def fleet(
    requests: float, rate: float, gray: int = 0, gray_rate: float = 0.0, busiest: float = 0.0
) -> Scenario:
    """Build a fleet whose first `gray` hosts are bad, or whose first host is the busiest."""
    each = np.full(HOSTS, requests)
    if busiest:
        each[0] = busiest / (1 - busiest) * requests * (HOSTS - 1)
    rates = np.full(HOSTS, rate)
    rates[:gray] = gray_rate
    return Scenario(each, rates, frozenset(range(gray)))


SCENARIOS = {
    "A null, 2 requests a minute": fleet(2, 1e-4),
    "B null, 600 requests a minute": fleet(600, 1e-3),
    "C one host fails": fleet(600, 1e-5, 1, 1.0),
    "D one gray host": fleet(600, 1e-3, 1, 0.05),
    "E two hosts fail": fleet(600, 1e-5, 2, 1.0),
    "F five gray hosts": fleet(600, 1e-3, 5, 0.2),
    "G healthy host with 29 % of traffic": fleet(600, 1e-3, busiest=0.29),
    "G2 healthy host with 80 % of traffic": fleet(60, 1e-3, busiest=0.8),
    "H poison caller on one host": Scenario(
        np.full(HOSTS, 600.0), np.full(HOSTS, 1e-5), poison_requests=60
    ),
    "I whole fleet at 10 %": fleet(600, 0.1),
    "J 300 hosts at 50 %": fleet(600, 1e-3, 300, 0.5),
}
# The least and the most part of the windows in which the plain rule names a host.
PLAIN_RULE: dict[str, tuple[float, float]] = {
    "A": (0.005, 0.6),
    "B": (0, 0),
    "C": (1, 1),
    "D": (0, 0),
    "E": (0, 0),
    "F": (0, 0),
    "G": (0, 0),
    "G2": (0.9, 1),
    "H": (0.9, 1),
    "I": (0, 0),
    "J": (0, 0),
}


def by_share_test(requests: Counts, faults: Counts, callers: TopCallers) -> Named:
    return np.flatnonzero(share_test(requests, faults, USUAL, callers).suspect).tolist()


def by_plain_rule(requests: Counts, faults: Counts, callers: TopCallers) -> Named:
    top = r66(faults)
    return [top.top_index] if top.share > 0.66 else []


def run(
    scenario: Scenario, rule: Callable[[Counts, Counts, TopCallers], Named], seed: int
) -> tuple[float, frozenset[int]]:
    """Return the part of windows that named somebody, and who was named in 3 of 5."""
    chance = np.random.default_rng(seed)
    recent: deque[Named] = deque(maxlen=5)
    windows, acted_on = 0, set[int]()
    for _ in range(WINDOWS):
        recent.append(rule(*scenario.window(chance)))
        windows += bool(recent[-1])
        names = [name for named in recent for name in named]
        acted_on |= {name for name in set(names) if names.count(name) >= 3}
    return windows / WINDOWS, frozenset(acted_on)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_share_test_acts_on_the_gray_hosts_and_on_nobody_else(name: str, seed: int) -> None:
    _, acted_on = run(SCENARIOS[name], by_share_test, seed)
    assert SCENARIOS[name].gray == acted_on


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_plain_rule_names_a_host_as_often_as_it_is_known_to(name: str, seed: int) -> None:
    least, most = PLAIN_RULE[name.partition(" ")[0]]
    part, _ = run(SCENARIOS[name], by_plain_rule, seed)
    assert least <= part + 1e-12
    assert part <= most


def test_the_plain_rule_alone_is_wrong_in_six_scenarios_whatever_the_seed(seed: int) -> None:
    """It acts on a healthy host in G2 and H, and misses the gray ones of D, E, F and J."""
    wrong = {
        name.partition(" ")[0]
        for name, scenario in SCENARIOS.items()
        if run(scenario, by_plain_rule, seed)[1] != scenario.gray
    }
    assert {"D", "E", "F", "G2", "H", "J"} == wrong - {"A"}


def test_without_caller_out_the_poison_caller_is_blamed_on_its_host(seed: int) -> None:
    scenario = SCENARIOS["H poison caller on one host"]

    def without_callers(requests: Counts, faults: Counts, callers: TopCallers) -> Named:
        return np.flatnonzero(share_test(requests, faults, USUAL).suspect).tolist()

    assert (1.0, frozenset({0})) == run(scenario, without_callers, seed)
