"""Recordings of log records: a file of lines, a Parquet file, or a range of a topic."""

from detector.backtest.recordings.line_file import LineRecording
from detector.backtest.recordings.parquet_file import ParquetRecording
from detector.backtest.recordings.topic_range import TopicRecording

__all__ = ["LineRecording", "ParquetRecording", "TopicRecording"]
