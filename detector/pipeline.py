"""How a log event flows through the detector, in one process and without a broker.

Read this page first. A log event takes five steps::

    Intake          decodes records into log events and matches them with the contributor rules
    PartitionTally  counts the events of one source partition in panes of event time
    Merge           joins the panes of all source partitions into sliding windows
    Evaluator       ranks every window, runs the detectors on it and updates their alarms
    Decider         grants, observes or refuses an action for each alarm that asks for one

``Detection.feed`` runs the first three steps, ``Detection.tick`` the last two. The worker runs the
same code with a topic between its agents, so each of them can crash, move and be replayed on its
own. Tests and replays of recorded logs use ``Detection`` as it is.
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
    """All steps for one input topic with ``partitions`` partitions.

    ``reports`` and ``changes`` collect the reports of all windows and the changes of all alarms.
    """

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
        """Decode, match and tally a batch of one partition, and merge the panes that it closed.

        ``messages`` are consumed Kafka messages in offset order, ``now`` is in epoch seconds. The
        result holds the unreadable records of the batch, and counts.
        """
        tally = self._tallies[partition]
        result = self._intake.read(messages, tally)
        self._merge_closed(tally, now)
        return result

    def close_idle(self, partition: int, now: float) -> None:
        """Close the open panes of a partition that received nothing more until ``now``."""
        tally = self._tallies[partition]
        tally.close_idle(round(now * 1000))
        self._merge_closed(tally, now)

    def _merge_closed(self, tally: PartitionTally, now: float) -> None:
        for (record,) in tally.drain(sources=self._sources, parts=1, part_of=lambda _: 0):
            self._merge.apply(record, now)

    def tick(self, now: SteadyTime, control: ControlView) -> list[DecisionResult]:
        """Evaluate the windows that are ready at ``now``, and decide on their alarms.

        Unless ``control`` shows that the kill switch is off, every action is refused.
        """
        for slide in self._merge.advance(now.wall):
            evaluation = self._evaluator.evaluate(slide)
            self.reports.extend(evaluation.reports)
            self.changes.extend(evaluation.changes)
            for change in evaluation.changes:
                self._decider.observe(change)
        return self._decider.decide(now, control)
