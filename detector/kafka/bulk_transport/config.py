"""Configuration of the bulk transport."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from faust.types import TP

_WAITING_BATCHES = 4
_BATCH_RECORDS = 5_000
_QUEUED_KBYTES = 32 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkConfig:
    """Topics to read in bulk, limits and callbacks; callbacks run on the event loop's thread.

    ``client`` holds librdkafka's properties (``bootstrap.servers``, security, ...), ``oauth_cb``
    its token callback. ``start`` is where a partition without a committed offset begins:
    ``window`` means the first record with a timestamp of ``start_ms()`` (milliseconds since the
    epoch) or later, or the end if there is none.

    Memory: at most ``queued_kbytes`` of records wait in librdkafka (and one fetch, 16 MiB), and at
    most half as much, in at most ``queue_depth`` batches of up to ``batch_records``, between it and
    the agent.

    ``on_started(topic, partition, offset, had_commit)`` precedes the first batch of an assignment;
    ``on_revoked(partitions)`` ends it, and later acks for it are ignored.
    ``on_end_of_log(topic, partition, next_offset, seen_at)`` is proof that at ``seen_at`` (seconds
    of ``monotonic``, by default the event loop's clock) or later the log held no record at or after
    ``next_offset``. Batches may still be queued: the proof applies only if ``next_offset`` is one
    past the last tallied record (or the start). It repeats every half second or second while the
    partition stays at the end and the broker answers.
    """

    client: Mapping[str, object]
    bulk_topics: frozenset[str]
    on_end_of_log: Callable[[str, int, int, float], None]
    on_started: Callable[[str, int, int, bool], None]
    on_revoked: Callable[[set[TP]], None]
    start: Literal["window", "earliest", "latest"] = "window"
    start_ms: Callable[[], int] | None = None
    queue_depth: int = _WAITING_BATCHES
    batch_records: int = _BATCH_RECORDS
    queued_kbytes: int = _QUEUED_KBYTES
    oauth_cb: Callable[[str], tuple[str, float]] | None = None
    monotonic: Callable[[], float] | None = None

    def __post_init__(self) -> None:
        if self.start == "window" and self.start_ms is None:
            raise ValueError("start is 'window' but start_ms is missing: give a callable")
        for name in ("queue_depth", "batch_records", "queued_kbytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")
