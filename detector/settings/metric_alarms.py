"""Settings of the metric alarms, which are put through the API."""

from pydantic import Field

from detector.cloudwatch.alarms.contributor_standings import IN_ALARM
from detector.settings.base import Section


class MetricAlarmsSection(Section):
    """Metric, composite and contributor alarms: how many, and how long they wait for datapoints."""

    most_alarms: int = Field(default=20_000, ge=1, le=100_000)
    """Most alarms; putting one more is refused."""
    most_mute_rules: int = Field(default=1_000, ge=1, le=10_000)
    """Most mute rules; putting one more is refused."""
    most_history_items: int = Field(default=50_000, ge=100, le=1_000_000)
    """Most items of the alarms' history in memory; beyond that the oldest go first."""
    contributors_in_alarm: int = Field(default=IN_ALARM, ge=1, le=10_000)
    """Most contributors that one alarm per contributor has in alarm at once."""
    patience_seconds: float = Field(default=60.0, ge=10, le=3_600)
    """Seconds by the clock after which alarms go on where no report comes."""
    catch_up_minutes: int = Field(default=15, ge=1, le=1_440)
    """Minutes that are evaluated afterwards when nothing was for a while; the rest is skipped."""
