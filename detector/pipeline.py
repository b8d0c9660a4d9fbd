"""The way of a log event through the whole product, in one process and without a broker.

This is the page to read first: the worker does the same with a topic between any two steps, so
that each of them can crash, move and be replayed on its own. Tests and replays of recorded logs
use it as it stands.
"""

from collections.abc import Sequence
from typing import Any

from detector.core.steady_time import SteadyTime
from detector.decisions.config import DecideConfig
from detector.decisions.decide import Decider, DecisionResult
from detector.decisions.kill_switch import ControlView
from detector.detection.alarms import AlarmChange
from detector.detection.evaluate import EvaluateConfig, Evaluator
from detector.ingest.intake import Intake, IntakeResult
from detector.ingest.tallying import TallySettings
from detector.rules.live_rules import FixedRules
from detector.tables.merge import Merge
from detector.tables.reports import Report
from detector.tables.tally import PartitionTally


class Detection:
    """One topic of ``partitions`` source partitions, all subjects, one decider."""

    def __init__(
        self,
        settings: TallySettings,
        evaluate: EvaluateConfig,
        decide: DecideConfig,
        *,
        topic: str,
        partitions: int,
    ) -> None:
        self._sources = {topic: partitions}
        rules = FixedRules(settings.rules)
        self._intake = Intake(
            topic,
            rules_at=rules.rule_set_at,
            mapping=settings.mapping,
            limits=settings.limits,
            times=settings.times,
        )
        self._tallies = [
            PartitionTally(
                topic,
                partition,
                rules_at=rules.rule_set_at,
                times=settings.times,
                limits=settings.tally_limits,
                begins_inside=False,
            )
            for partition in range(partitions)
        ]
        self._merge = Merge(
            settings.times,
            settings.tally_limits.exact_contributors,
            rules.rule_set_at,
        )
        self._evaluator = Evaluator(evaluate)
        self._decider = Decider(decide)
        self.reports: list[Report] = []
        self.changes: list[AlarmChange] = []

    def feed(self, partition: int, messages: Sequence[Any], now: float) -> IntakeResult:
        """Decode, match and tally a batch of one partition, and merge the panes that it closed."""
        tally = self._tallies[partition]
        result = self._intake.read(messages, tally)
        self._merge_closed(tally, now)
        return result

    def close_idle(self, partition: int, now: float) -> None:
        """Close the panes of a partition of which nothing more came until ``now``."""
        tally = self._tallies[partition]
        tally.close_idle(round(now * 1000))
        self._merge_closed(tally, now)

    def _merge_closed(self, tally: PartitionTally, now: float) -> None:
        for (record,) in tally.drain(sources=self._sources, parts=1, part_of=lambda _: 0):
            self._merge.apply(record, now)

    def tick(self, now: SteadyTime, control: ControlView) -> list[DecisionResult]:
        """Evaluate the windows that are complete and decide what follows from them."""
        for slide in self._merge.advance(now.wall):
            evaluation = self._evaluator.evaluate(slide)
            self.reports.extend(evaluation.reports)
            self.changes.extend(evaluation.changes)
            for change in evaluation.changes:
                self._decider.observe(change)
        return self._decider.decide(now, control)
