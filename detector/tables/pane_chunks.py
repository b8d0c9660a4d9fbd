"""Splits pane records that are too large for the broker, and joins the chunks again.

Law: chunks share no row, and chunk 0 alone holds the loss counts; a record is applied whole or not
at all. Packing is deterministic, so chunks of the same pane from two writers can be mixed.
"""

import msgspec

from detector.tables.measured_columns import measured_rows
from detector.tables.pane_records import FleetPane, PaneRecord, RulePane, encode_pane_record

HALF_RECEIVED_RECORDS = 256
# A chunk number takes up to five bytes, and is unknown while the record is being split.
CHUNK_NUMBER_BYTES = 16


def split_record(record: PaneRecord, max_bytes: int) -> list[PaneRecord]:
    """Split ``record`` by rows into chunks of at most ``max_bytes`` each.

    Loss counts stay in chunk 0; samples and sketch of a rule stay with its first row.
    ``ValueError`` when a single row is larger.
    """
    pieces = _halve(record, max_bytes - CHUNK_NUMBER_BYTES)
    return [
        msgspec.structs.replace(piece, chunk=chunk, chunks=len(pieces))
        for chunk, piece in enumerate(pieces)
    ]


def _halve(record: PaneRecord, max_bytes: int) -> list[PaneRecord]:
    if len(encode_pane_record(record)) <= max_bytes:
        return [record]
    rows = sum(map(_weight_of_fleet, record.fleets)) + sum(map(_weight_of_rule, record.rules))
    if rows <= 1:
        raise ValueError(
            f"one row of a tally is larger than {max_bytes} bytes, allow larger records"
        )
    left, right = _cut(record, rows // 2)
    return _halve(left, max_bytes) + _halve(right, max_bytes)


def _weight_of_fleet(fleet: FleetPane) -> int:
    return max(1, len(fleet.hosts))


def _weight_of_rule(rule: RulePane) -> int:
    return max(1, len(rule.keys))


def _cut(record: PaneRecord, at: int) -> tuple[PaneRecord, PaneRecord]:
    """Cut before row ``at``, fleets before rules; a table without rows counts as one row."""
    fleets: tuple[list[FleetPane], list[FleetPane]] = ([], [])
    rules: tuple[list[RulePane], list[RulePane]] = ([], [])
    for fleet in record.fleets:
        rows = _weight_of_fleet(fleet)
        if at > 0:
            fleets[0].append(_fleet_rows(fleet, 0, at))
        if at < rows:
            fleets[1].append(_fleet_rows(fleet, max(at, 0), rows))
        at -= rows
    for rule in record.rules:
        rows = _weight_of_rule(rule)
        if at > 0:
            rules[0].append(_rule_rows(rule, 0, at))
        if at < rows:
            rules[1].append(_rule_rows(rule, max(at, 0), rows))
        at -= rows
    left = msgspec.structs.replace(record, fleets=fleets[0], rules=rules[0])
    right = msgspec.structs.replace(
        record, fleets=fleets[1], rules=rules[1], late=0, future=0, duplicates=0
    )
    return left, right


def _fleet_rows(fleet: FleetPane, start: int, stop: int) -> FleetPane:
    packed = slice(8 * start, 8 * stop)
    return FleetPane(
        fleet.service,
        fleet.zones,
        fleet.zone_index[4 * start : 4 * stop],
        fleet.hosts[start:stop],
        fleet.requests[packed],
        fleet.faults[packed],
        fleet.slow[packed],
        fleet.connection_failures[packed],
        fleet.last_seen_ms[packed],
        [(row - start, name, faults) for row, name, faults in fleet.callers if start <= row < stop],
        fleet.latency_us[packed],
        fleet.latencies[packed],
    )


def _rule_rows(rule: RulePane, start: int, stop: int) -> RulePane:
    first = start == 0
    return RulePane(
        rule.rule,
        rule.version,
        rule.keys[start:stop],
        rule.values[8 * start : 8 * stop],
        rule.samples if first else 0.0,
        rule.minimum,
        rule.maximum,
        rule.sketch if first else b"",
        rule.sketch_weight if first else 0.0,
        None if rule.measured is None else measured_rows(rule.measured, start, stop),
    )


class ChunkBuffer:
    """Holds the chunks of at most ``limit`` incomplete records, dropping the oldest first.

    A writer that dies between two chunks leaves an incomplete record; the next one starts again
    with chunk 0.
    """

    def __init__(self, limit: int = HALF_RECEIVED_RECORDS) -> None:
        self._limit = limit
        self._parts: dict[tuple[str, int, int, int, int], dict[int, PaneRecord]] = {}

    def __len__(self) -> int:
        return len(self._parts)

    def add(self, record: PaneRecord) -> PaneRecord | None:
        """Return the whole record when this is its last missing chunk, else ``None``."""
        if record.chunks == 1:
            return record
        # Another owner may close the same pane elsewhere: that is a different record.
        key = (record.topic, record.partition, record.pane_ms, record.through_ms, record.chunks)
        parts = self._parts.setdefault(key, {})
        if record.chunk == 0 and 0 in parts:
            parts.clear()
        parts[record.chunk] = record
        if len(parts) < record.chunks:
            while len(self._parts) > self._limit:
                del self._parts[next(iter(self._parts))]
            return None
        del self._parts[key]
        return _join([parts[chunk] for chunk in range(record.chunks)])


def _join(chunks: list[PaneRecord]) -> PaneRecord:
    return msgspec.structs.replace(
        chunks[0],
        fleets=[fleet for chunk in chunks for fleet in chunk.fleets],
        rules=[rule for chunk in chunks for rule in chunk.rules],
        chunk=0,
        chunks=1,
    )
