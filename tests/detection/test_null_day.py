"""The null, from windows to decisions: a healthy fleet may raise alarms, and none is acted on.

A day of 8,640 windows goes through the real evaluator and the real, enforcing decider, and so do
two hours of services that the bare 66 % expression gets wrong all the time.
``tests/detection/test_null_fleet.py`` has the two tests alone, on further fleets and seeds.
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.core.steady_time import SteadyTime
from detector.core.vocabulary import AlarmMode, AlarmState, Refusal
from detector.decisions.decide import DecisionResult
from detector.decisions.kill_switch import ControlView
from detector.detection.evaluate import EvaluateConfig, Evaluator
from detector.tables.host_window import Slide
from detector.tables.reports import FleetWindow, NewestPane, WindowMeta, ZoneRef
from detector.tables.windows import Window
from tests.support.deciders import decider
from tests.support.windows import EPOCH, PANE, WINDOW

HOSTS = 20_000
SOME = 2_000
FEW = 100
ZONES = 3
PANES = WINDOW // PANE
WINDOWS_PER_DAY = 8_640
OFF = ControlView(known=True, engaged=False, reason="", read_at=0.0)

Counts = NDArray[np.float64]


@dataclass
class Service:
    """A service whose hosts differ in traffic and luck alone; ``poison``: faults of one caller.

    ``exposure`` is each host's part of the traffic, ``faults`` the mean of a pane.
    """

    name: str
    exposure: Counts
    requests_per_pane: float
    faults: float
    poison: float = 0.0
    _panes: deque[Counts] = field(default_factory=lambda: deque(maxlen=PANES))
    _poisoned: deque[float] = field(default_factory=lambda: deque(maxlen=PANES))

    def __post_init__(self) -> None:
        """Work out once what no window changes."""
        size = self.exposure.size
        self.upto = np.cumsum(self.exposure)
        self.requests = self.exposure * self.requests_per_pane * PANES
        self.zones = tuple(ZoneRef(f"az{z}", f"az{z}", f"name-{z}") for z in range(ZONES))
        self.zone_index = np.sort(np.arange(size) % ZONES)
        self.hosts = tuple(f"i-{number:06}" for number in range(size))
        self.nobody = ("",) * size
        self.zeros = np.zeros(size)

    def pane(self, chance: np.random.Generator) -> None:
        """Throw the faults of one pane over the hosts."""
        draws = chance.random(int(chance.poisson(self.faults)))
        hit = np.searchsorted(self.upto, draws * self.upto[-1], side="right")
        self._panes.append(np.bincount(hit, minlength=self.exposure.size).astype(np.float64))
        self._poisoned.append(float(chance.poisson(self.poison)))

    def window(self, meta: WindowMeta) -> FleetWindow:
        """Return the last panes as a window."""
        faults, newest = np.sum(self._panes, axis=0), self._panes[-1].copy()
        names, by_caller = self.nobody, self.zeros
        if self.poison:
            poisoned = sum(self._poisoned)
            faults[0] += poisoned
            newest[0] += self._poisoned[-1]
            names, by_caller = ("poison", *self.nobody[1:]), self.zeros.copy()
            by_caller[0] = poisoned
        return FleetWindow(
            self.name, meta, self.zones, self.zone_index, self.hosts, self.requests, faults,
            self.zeros, self.zeros, self.zeros + meta.window.end_ms, names, by_caller,
            np.array([self.requests / PANES, newest, self.zeros, self.zeros]),
        )  # fmt: skip


def even(hosts: int) -> Counts:
    return np.full(hosts, 1 / hosts)


def large_services() -> list[Service]:
    """One of 20,000 hosts at work, and one that is nearly without faults."""
    return [
        Service("busy", even(HOSTS), HOSTS * 10.0, faults=200.0),
        Service("quiet", even(SOME), SOME / 3, faults=0.02),
    ]


def awkward_services() -> list[Service]:
    """One host with most of the traffic, and one whose only trouble is a caller."""
    skewed = np.array([0.8, *np.full(FEW - 1, 0.2 / (FEW - 1))])
    return [
        Service("skewed", skewed, FEW * 100.0, faults=20.0),
        Service("poisoned", even(FEW), FEW * 100.0, faults=0.2, poison=20.0),
    ]


def day(chance: np.random.Generator, services: list[Service], windows: int) -> Iterator[Slide]:
    for _ in range(PANES - 1):
        for service in services:
            service.pane(chance)
    for number in range(windows):
        end = EPOCH + number * PANE
        newest = NewestPane(end - PANE, trustworthy=True)
        meta = WindowMeta(Window(end - WINDOW, end), True, False, (), 0, newest)
        for service in services:
            service.pane(chance)
        yield Slide(meta, [service.window(meta) for service in services], [])


def watch(
    slides: Iterator[Slide], config: EvaluateConfig
) -> tuple[Counter[str], list[DecisionResult]]:
    """Return how often alarms that ask for an action were raised, by detector, and all results."""
    evaluator, action_decider = Evaluator(config), decider()
    raised: Counter[str] = Counter()
    results: list[DecisionResult] = []
    for slide in slides:
        for change in evaluator.evaluate(slide).changes:
            action_decider.observe(change)
            is_raised = change.state is AlarmState.ALARM
            if is_raised and change.previous is not AlarmState.ALARM and change.action:
                raised[f"{change.detector} {change.subject}"] += 1
        wall = slide.meta.window.end_ms / 1000 + 5.0
        results += action_decider.decide(SteadyTime(wall, wall), OFF)
    return raised, results


def assert_nothing_was_done(raised: Counter[str], results: list[DecisionResult]) -> None:
    print(raised)
    assert raised
    assert results
    assert {Refusal.NOT_CONFIRMED} == {result.decision.refusal for result in results}
    assert [] == [result for result in results if result.action is not None]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_alarm_of_a_healthy_day_leads_to_an_action(seed: int) -> None:
    """Whatever the seed: the bare expression fires again and again, and is not confirmed once."""
    chance = np.random.default_rng(seed)
    config = EvaluateConfig(modes={"fleet:quiet": AlarmMode.CLASSIC})
    raised, results = watch(day(chance, large_services(), WINDOWS_PER_DAY), config)
    assert_nothing_was_done(raised, results)
    assert {"r66 fleet:quiet"} == set(raised)
    assert raised["r66 fleet:quiet"] > 50


def test_an_alarm_that_is_raised_for_two_hours_without_being_confirmed_leads_to_no_action(
    seed: int,
) -> None:
    chance = np.random.default_rng(seed)
    raised, results = watch(day(chance, awkward_services(), 720), EvaluateConfig())
    assert_nothing_was_done(raised, results)
    assert {"r66 fleet:skewed": 1, "r66 fleet:poisoned": 1} == raised


def test_the_same_watch_acts_when_one_of_the_hosts_turns_gray(seed: int) -> None:
    """The day above is silent because the fleet is healthy, not because nothing is detected."""
    chance = np.random.default_rng(seed)
    gray = Service("gray", even(FEW), FEW * 100.0, faults=0.2)
    slides = list(day(chance, [gray], 6))
    for slide in slides:
        slide.fleets[0].faults[7] += 300.0
        assert slide.fleets[0].newest is not None
        slide.fleets[0].newest[1, 7] += 50.0
    raised, results = watch(iter(slides), EvaluateConfig())
    assert {"r66", "share", "sequential"} == {name.partition(" ")[0] for name in raised}
    assert ["i-000007"] == [r.action.target.host for r in results if r.action is not None]
