"""The history of reports: a local DuckDB file, filled from the reports topic.

Law: the topic is the source of truth and the file a copy. Rows and topic offsets are written in one
transaction, so a restart continues exactly there. A file that cannot be used is set aside; like a
lost file, it is rebuilt from the topic.
"""

from detector.cloudwatch.history.batch import Applied, Fetched, StoreConfig
from detector.cloudwatch.history.database import StoreError, StoreInUseError
from detector.cloudwatch.history.follower import HistorySettings, ReportReader, load_range
from detector.cloudwatch.history.ranges import HistoryReader, read_range
from detector.cloudwatch.history.series import ReportMetrics
from detector.cloudwatch.history.store import ReportStore

__all__ = [
    "Applied",
    "Fetched",
    "HistoryReader",
    "HistorySettings",
    "ReportMetrics",
    "ReportReader",
    "ReportStore",
    "StoreConfig",
    "StoreError",
    "StoreInUseError",
    "load_range",
    "read_range",
]
