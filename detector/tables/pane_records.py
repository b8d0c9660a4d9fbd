"""What a source partition says about its closed panes, as it travels on the tallies topic.

Law: one record says everything that one source partition has to tell one partition of the tallies
topic about one pane, and how far the source partition has come. Its identity is (source topic,
source partition, pane, chunk); of two records with one identity the first wins. Tables travel as
columns: names as lists, numbers as packed little-endian float64 or uint32, so that a pane of
20,000 hosts is read without a Python object per number.
"""

from enum import StrEnum

import msgspec

from detector.core.vocabulary import ClosedBy

TALLY_SCHEMA = 1


class FleetPane(msgspec.Struct, array_like=True, frozen=True):
    """Rows (zone, host) of one service in one pane of one source partition.

    ``zones`` lists (zone, zone ID, zone name); ``zone_index`` (uint32) points into it, one entry
    per host of ``hosts``. ``requests``, ``faults``, ``slow``, ``connection_failures`` and
    ``last_seen_ms`` are float64 columns, and so are ``latency_us`` (whole microseconds, summed) and
    ``latencies`` (how many observations that is), which are empty where no latency was logged and
    in records of older releases. ``callers`` holds, for hosts with faults, up to eight
    (row, caller, faults), the most faulty callers first.
    """

    service: str
    zones: list[tuple[str, str, str]]
    zone_index: bytes
    hosts: list[str]
    requests: bytes
    faults: bytes
    slow: bytes
    connection_failures: bytes
    last_seen_ms: bytes
    callers: list[tuple[int, str, float]]
    latency_us: bytes = b""
    latencies: bytes = b""


class MeasureKind(StrEnum):
    """What gives a contributor its value instead of what the rule counts."""

    RATIO = "ratio"
    PERCENTILES = "percentiles"


class MeasuredPane(msgspec.Struct, array_like=True, frozen=True):
    """What a rule with a measure has beside its values, which are denominators or observations.

    ``minimum`` and ``at`` are the rule's own, so that whoever merges needs no rule. A ratio has
    ``numerators`` (float64), one for each contributor. Percentiles have ``bucket_counts`` (uint32),
    one for each contributor, and so many ``buckets`` (int16) with their ``weights`` (float64).
    ``unheld`` is what belongs to contributors for whom there was no room, or, for percentiles, to
    nobody because only its extremes were known.
    """

    kind: MeasureKind
    minimum: float
    at: list[float]
    numerators: bytes
    bucket_counts: bytes
    buckets: bytes
    weights: bytes
    unheld: float


class RulePane(msgspec.Struct, array_like=True, frozen=True):
    """Contributors of one rule in one pane of one source partition.

    ``keys`` holds one list of key values per contributor and ``values`` (float64) what each
    amounts to, exactly. Beyond ``exact_contributors`` the rest is in ``sketch`` (a serialised
    DataSketches frequent-items sketch over JSON-encoded keys, empty when unused), which stands for
    ``sketch_weight`` in all. ``samples`` counts observations; ``minimum`` and ``maximum`` are the
    smallest and largest single observation. ``measured`` is there for rules that have a measure;
    records that were written before there were any lack it.
    """

    rule: str
    version: str
    keys: list[tuple[str, ...]]
    values: bytes
    samples: float
    minimum: float
    maximum: float
    sketch: bytes = b""
    sketch_weight: float = 0.0
    measured: MeasuredPane | None = None


class PaneRecord(msgspec.Struct, array_like=True, frozen=True):
    """One pane, or progress alone, of one source partition, for one partition of the tallies.

    ``sources`` maps every input topic to its number of partitions: who must have progressed before
    a pane closes. ``pane_ms`` is the start of the pane, -1 when there is only progress to tell.
    All panes that start at or before ``through_ms`` are closed for this source partition.
    ``partial``: the partition's reading began without a commit, so
    there may be more events since the last pane it told of than it says here. ``late``,
    ``future`` and ``duplicates`` count events lost since the previous record. A record too large
    for the broker is split: ``chunk`` of ``chunks``, applied only when whole; each chunk holds
    other rows, the loss counts stand in chunk 0 alone.
    """

    schema: int
    topic: str
    partition: int
    sources: dict[str, int]
    pane_ms: int
    through_ms: int
    closed_by: ClosedBy
    partial: bool
    late: int
    future: int
    duplicates: int
    fleets: list[FleetPane]
    rules: list[RulePane]
    chunk: int = 0
    chunks: int = 1


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(PaneRecord)


def encode_pane_record(record: PaneRecord) -> bytes:
    """Return the msgpack form of ``record``."""
    return _encoder.encode(record)


def decode_pane_record(raw: bytes) -> PaneRecord:
    """Read a record.

    Raise ``msgspec.DecodeError`` (or its subclass) or ``ValueError`` for another schema.
    """
    record = _decoder.decode(raw)
    if record.schema != TALLY_SCHEMA:
        raise ValueError(f"tally record of schema {record.schema!r}, expected {TALLY_SCHEMA}")
    return record
