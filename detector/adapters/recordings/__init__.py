"""Recordings of log records: a file of lines, a Parquet file, or a range of a topic."""

from detector.adapters.recordings.line_file import LineRecording
from detector.adapters.recordings.parquet_file import ParquetRecording
from detector.adapters.recordings.topic_range import TopicRecording

__all__ = ["LineRecording", "ParquetRecording", "TopicRecording"]
