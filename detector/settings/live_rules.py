"""Settings of contributor rules that change while the workers run."""

from pydantic import Field

from detector.settings.base import Section


class RulesSection(Section):
    """Contributor rules that are put, changed and deleted while the workers run."""

    lead_seconds: float = Field(default=30.0, ge=1, le=3600)
    """Seconds, beyond the future tolerance, from a change to its first pane. Alike everywhere."""
    most: int = Field(default=1_000, ge=1, le=100_000)
    """Most rules, disabled ones included; CloudWatch allows 100. Alike everywhere."""
    most_records: int = Field(default=10_000, ge=100, le=90_000)
    """Most changes that are kept; the next one is refused until the oldest are out of date."""
    history_hours: float = Field(default=168.0, ge=1, le=8_760)
    """Hours after which a version that was replaced is forgotten; as long as input is kept."""
