"""Name, partition count and configuration of every topic, from one prefix.

Public topics carry JSON with CloudEvents ``ce_*`` headers; ``tallies`` and the changelogs are
internal (msgpack).
"""

from dataclasses import dataclass

WEEK_MS = 7 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic: name, number of partitions, and Kafka topic configuration."""

    name: str
    partitions: int
    config: dict[str, str]


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics under ``prefix`` (default ``detector.``).

    ``tally_partitions`` >= 1 is the number of partitions that share the subjects.
    """

    prefix: str = "detector."
    tally_partitions: int = 2

    @property
    def app_id(self) -> str:
        """Consumer group of the workers, and prefix of the changelog names."""
        return self.prefix.rstrip("._-") or "detector"

    @property
    def logs(self) -> str:
        """Default input topic."""
        return f"{self.prefix}logs"

    @property
    def tallies(self) -> str:
        """Closed panes and progress of every source partition."""
        return f"{self.prefix}tallies"

    @property
    def reports(self) -> str:
        """The ranked table of every subject and window."""
        return f"{self.prefix}reports"

    @property
    def alarms(self) -> str:
        """Changes of alarm state."""
        return f"{self.prefix}alarms"

    @property
    def decisions(self) -> str:
        """Every decision, granted, observed or refused."""
        return f"{self.prefix}decisions"

    @property
    def actions(self) -> str:
        """Granted actions, for the executors."""
        return f"{self.prefix}actions"

    @property
    def outcomes(self) -> str:
        """Outcomes of actions; the executors' journal."""
        return f"{self.prefix}outcomes"

    @property
    def control(self) -> str:
        """The kill switch, and changes of contributor rules."""
        return f"{self.prefix}control"

    @property
    def dead_letters(self) -> str:
        """Unreadable records, byte for byte."""
        return f"{self.prefix}dead-letters"

    @property
    def metric_alarms(self) -> str:
        """Alarms created through the API: definitions, states, mute rules."""
        return f"{self.prefix}metric-alarms"

    @property
    def metric_alarm_history(self) -> str:
        """History items of those alarms; consumers that act on the alarms read this topic."""
        return f"{self.prefix}metric-alarm-history"

    def changelog(self, table: str) -> str:
        """Return the changelog topic of a Faust table."""
        return f"{self.app_id}-{table}-changelog"

    def specs(self) -> tuple[TopicSpec, ...]:
        """Return every topic except the inputs, which belong to the producers."""
        keep_week = {"cleanup.policy": "delete", "retention.ms": str(WEEK_MS)}
        keep_month = {"cleanup.policy": "delete", "retention.ms": str(30 * 24 * 3_600_000)}
        compact = {"cleanup.policy": "compact"}
        # The time of a rule change is the broker's, not that of the client that wrote it.
        broker_timed = {**compact, "message.timestamp.type": "LogAppendTime"}
        compact_week = {"cleanup.policy": "compact,delete", "retention.ms": str(WEEK_MS)}
        day = {"cleanup.policy": "delete", "retention.ms": str(24 * 3_600_000)}
        return (
            TopicSpec(self.tallies, self.tally_partitions, day),
            TopicSpec(self.reports, self.tally_partitions, keep_week),
            TopicSpec(self.alarms, 1, compact_week),
            TopicSpec(self.decisions, 1, keep_month),
            TopicSpec(self.actions, 1, keep_week),
            TopicSpec(self.outcomes, 1, keep_month),
            TopicSpec(self.control, 1, broker_timed),
            TopicSpec(self.dead_letters, 1, keep_week),
            TopicSpec(self.metric_alarms, 1, compact),
            TopicSpec(self.metric_alarm_history, 1, keep_month),
            TopicSpec(self.changelog("contributors"), self.tally_partitions, compact),
            TopicSpec(self.changelog("alarms"), self.tally_partitions, compact),
            TopicSpec(self.changelog("decider"), 1, compact),
        )
