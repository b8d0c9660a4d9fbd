"""The records of the tallies topic: closed panes of a source partition.

Law: one record holds the rows of one pane of one source partition for one partition of the tallies
topic, and the progress of the source partition. Its identity is (source topic, source partition,
pane, chunk); of two records with one identity the first wins. Tables are stored as columns: names
as lists, numbers as packed little-endian float64 or uint32, so that a pane of 20,000 hosts is read
without a Python object per number.
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
    ``latencies`` (their number), which are empty where no latency was logged and in records of
    older releases. ``callers`` holds, for hosts with faults, up to eight
    (row, caller, faults), the callers with the most faults first.
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
    """How a rule with a measure computes the value of a contributor."""

    RATIO = "ratio"
    PERCENTILES = "percentiles"


class MeasuredPane(msgspec.Struct, array_like=True, frozen=True):
    """Further columns of a rule with a measure; its values are denominators or observations.

    ``minimum`` and ``at`` are the rule's own, so that merging needs no rule. A ratio has
    ``numerators`` (float64), one per contributor. Percentiles have ``bucket_counts`` (uint32), one
    per contributor, and as many ``buckets`` (int16) with their ``weights`` (float64). ``unheld`` is
    the weight of contributors that did not fit into the table, and, for percentiles, of events of
    which only the extremes are known.
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

    ``keys`` holds one list of key values per contributor and ``values`` (float64) its exact value.
    Contributors beyond ``exact_contributors`` are in ``sketch`` (a serialised DataSketches
    frequent-items sketch over JSON-encoded keys, empty when unused), ``sketch_weight`` in total.
    ``samples`` counts observations; ``minimum`` and ``maximum`` are the smallest and largest single
    observation. ``measured`` is set for rules with a measure; records older than measures lack it.
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

    ``sources`` maps every input topic to its number of partitions: all of them must progress past
    a pane before it closes. ``pane_ms`` is the start of the pane, -1 in a record of progress alone.
    All panes that start at or before ``through_ms`` are closed for this source partition.
    ``partial``: reading began without a commit, so events since the previous record may be missing
    here. ``late``, ``future`` and ``duplicates`` count events lost since the previous record. A
    record too large for the broker is split: ``chunk`` of ``chunks``, applied only when whole;
    chunks share no row, and the loss counts are in chunk 0 alone.
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
    """Read a record; ``msgspec.DecodeError`` if malformed, ``ValueError`` for another schema."""
    record = _decoder.decode(raw)
    if record.schema != TALLY_SCHEMA:
        raise ValueError(f"tally record of schema {record.schema!r}, expected {TALLY_SCHEMA}")
    return record
