"""Settings of the history of reports."""

from pathlib import Path

from pydantic import Field

from detector.settings.base import Section


class HistorySection(Section):
    """The history of reports, a file that ranges and metrics are read from."""

    path: Path = Path("detector-history.duckdb")
    """File of the history; it is made, and made anew from the reports topic, when it is missing."""
    retention_days: int = Field(default=15, ge=1, le=60)
    """Days that reports are kept; a lost file gets only those back that the topic still has."""
    most_reports: int = Field(default=20_000_000, ge=1_000, le=1_000_000_000)
    """Most reports kept; beyond that the oldest hours go first."""
    most_subjects: int = Field(default=10_000, ge=10, le=1_000_000)
    """Most rules and fleets kept; reports of others are counted and not kept."""
    contributors: int = Field(default=500, ge=1, le=500)
    """Most contributors kept of a report; it lists no more than `alarms.top_n`."""
    memory_mebibytes: int = Field(default=512, ge=64, le=65_536)
    """Most mebibytes of memory that the database takes."""
    threads: int = Field(default=2, ge=1, le=64)
    """Threads that the database computes with."""
    read_seconds: float = Field(default=10.0, ge=0.1, le=600)
    """Seconds after which one reading is given up."""
