"""Watches simulated slides with the real evaluator and an enforcing decider; notes what came."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from detector.core.steady_time import SteadyTime
from detector.core.vocabulary import AlarmState, Culprit, Mode
from detector.decisions.config import DecideConfig
from detector.decisions.decide import Decider
from detector.decisions.kill_switch import ControlView
from detector.detection.evaluate import EvaluateConfig, Evaluator
from detector.detection.statistics import BoolArray
from detector.tables.host_window import Slide
from detector.tables.reports import FleetWindow

OFF = ControlView(known=True, engaged=False, reason="", read_at=0.0)

REQUIRED = 3

Rule = Callable[[FleetWindow], BoolArray]


@dataclass(slots=True)
class Seen:
    """Who was named and acted upon, each with the number of the window, counted from 1.

    ``told``: pending or in alarm; ``raised``: a confirmed alarm that asks for an action.
    """

    windows: int = 0
    told: dict[tuple[str, ...], int] = field(default_factory=dict)
    raised: dict[tuple[str, ...], int] = field(default_factory=dict)
    acted: dict[tuple[str, ...], int] = field(default_factory=dict)
    verdicts: dict[Culprit, int] = field(default_factory=dict)
    windows_with_alarm: int = 0


def watch(slides: Iterable[Slide], config: EvaluateConfig | None = None) -> Seen:
    """Evaluate and decide slide by slide in virtual time, acting on all that is granted."""
    evaluator = Evaluator(config or EvaluateConfig())
    decider = Decider(DecideConfig(mode=Mode.ENFORCE))
    decider.take_epoch()
    seen = Seen()
    for number, slide in enumerate(slides, start=1):
        seen.windows = number
        evaluation = evaluator.evaluate(slide)
        for change in evaluation.changes:
            decider.observe(change)
            key = change.contributor
            if change.action is None:
                continue
            if change.state in {AlarmState.PENDING, AlarmState.ALARM}:
                seen.told.setdefault(key, number)
            if change.state is AlarmState.ALARM and change.evidence.confirmed:
                seen.raised.setdefault(key, number)
        seen.windows_with_alarm += bool(evaluator.raised())
        verdict = evaluation.reports[0].verdict
        if verdict is not None:
            seen.verdicts[verdict.kind] = seen.verdicts.get(verdict.kind, 0) + 1
        wall = slide.meta.window.end_ms / 1000 + 5.0
        for ruling in decider.decide(SteadyTime(wall, wall), OFF):
            if ruling.action is not None:
                target = ruling.action.target
                key = (target.zone, target.host) if target.host else (target.zone,)
                seen.acted.setdefault(key, number)
    return seen


def compare(
    slides: Iterable[Slide], rules: Mapping[str, Rule], every: int
) -> dict[str, tuple[float, frozenset[int]]]:
    """Return, for each rule, the part of windows that marked somebody, and whom in 3 of 5.

    Looks at every ``every``-th window, so that windows do not overlap: what is easiest for rules
    without a notion of chance.
    """
    recent: dict[str, deque[frozenset[int]]] = {name: deque(maxlen=5) for name in rules}
    marked = dict.fromkeys(rules, 0)
    flagged: dict[str, set[int]] = {name: set() for name in rules}
    windows = 0
    for number, slide in enumerate(slides, start=1):
        if number % every:
            continue
        windows += 1
        for name, rule in rules.items():
            rows = frozenset(np.flatnonzero(rule(slide.fleets[0])).tolist())
            recent[name].append(rows)
            marked[name] += bool(rows)
            times: dict[int, int] = {}
            for each in recent[name]:
                for row in each:
                    times[row] = times.get(row, 0) + 1
            flagged[name] |= {row for row, count in times.items() if count >= REQUIRED}
    return {name: (marked[name] / max(windows, 1), frozenset(flagged[name])) for name in rules}
