"""The history of reports: a DuckDB file beside the process, filled from the reports topic.

Law: the topic is the truth and the file a copy of it: what a record put into the file and how far
the topic was read are one transaction, so that a restart goes on exactly there; a file that is
lost or cannot be used is set aside and filled anew.
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
