"""Names and shapes of every topic of the product, from one prefix.

Public topics carry JSON with CloudEvents ``ce_*`` headers; ``tallies`` and the changelogs are
internal (msgpack).
"""

from dataclasses import dataclass

WEEK_MS = 7 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic: name, partitions, and topic configuration as Kafka names it."""

    name: str
    partitions: int
    config: dict[str, str]


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics under ``prefix`` (default ``detector.``).

    ``tally_partitions`` >= 1 spreads the subjects.
    """

    prefix: str = "detector."
    tally_partitions: int = 2

    @property
    def app_id(self) -> str:
        """Consumer group of the workers and stem of the changelog names."""
        return self.prefix.rstrip("._-") or "detector"

    @property
    def logs(self) -> str:
        """Default input topic."""
        return f"{self.prefix}logs"

    @property
    def tallies(self) -> str:
        """Panes and progress of every source partition."""
        return f"{self.prefix}tallies"

    @property
    def reports(self) -> str:
        """Every window of every subject, ranked."""
        return f"{self.prefix}reports"

    @property
    def alarms(self) -> str:
        """Changes of standing."""
        return f"{self.prefix}alarms"

    @property
    def decisions(self) -> str:
        """Every yes and every no."""
        return f"{self.prefix}decisions"

    @property
    def actions(self) -> str:
        """What executors may act on."""
        return f"{self.prefix}actions"

    @property
    def outcomes(self) -> str:
        """What came of actions; the executors' journal."""
        return f"{self.prefix}outcomes"

    @property
    def control(self) -> str:
        """Kill switch, and changes of contributor rules."""
        return f"{self.prefix}control"

    @property
    def dead_letters(self) -> str:
        """Records that could not be understood, byte for byte."""
        return f"{self.prefix}dead-letters"

    @property
    def metric_alarms(self) -> str:
        """Alarms that were put through the API: definitions, standings, mute rules."""
        return f"{self.prefix}metric-alarms"

    @property
    def metric_alarm_history(self) -> str:
        """What happened to those alarms, item by item; who acts on them follows it."""
        return f"{self.prefix}metric-alarm-history"

    def changelog(self, table: str) -> str:
        """Return the changelog topic of a Faust table."""
        return f"{self.app_id}-{table}-changelog"

    def specs(self) -> tuple[TopicSpec, ...]:
        """Return every topic but the inputs, which belong to the producers."""
        keep_week = {"cleanup.policy": "delete", "retention.ms": str(WEEK_MS)}
        keep_month = {"cleanup.policy": "delete", "retention.ms": str(30 * 24 * 3_600_000)}
        compact = {"cleanup.policy": "compact"}
        # The broker's clock says when a change of a rule was written, not its writer's.
        orders = {**compact, "message.timestamp.type": "LogAppendTime"}
        compact_week = {"cleanup.policy": "compact,delete", "retention.ms": str(WEEK_MS)}
        day = {"cleanup.policy": "delete", "retention.ms": str(24 * 3_600_000)}
        return (
            TopicSpec(self.tallies, self.tally_partitions, day),
            TopicSpec(self.reports, self.tally_partitions, keep_week),
            TopicSpec(self.alarms, 1, compact_week),
            TopicSpec(self.decisions, 1, keep_month),
            TopicSpec(self.actions, 1, keep_week),
            TopicSpec(self.outcomes, 1, keep_month),
            TopicSpec(self.control, 1, orders),
            TopicSpec(self.dead_letters, 1, keep_week),
            TopicSpec(self.metric_alarms, 1, compact),
            TopicSpec(self.metric_alarm_history, 1, keep_month),
            TopicSpec(self.changelog("contributors"), self.tally_partitions, compact),
            TopicSpec(self.changelog("alarms"), self.tally_partitions, compact),
            TopicSpec(self.changelog("decider"), 1, compact),
        )
