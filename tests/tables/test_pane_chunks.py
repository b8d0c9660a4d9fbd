"""A record that is too large travels in chunks and arrives as it was."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.tables.pane_chunks import ChunkBuffer, split_record
from detector.tables.pane_encoding import rule_pane
from detector.tables.pane_records import PaneRecord, decode_pane_record, encode_pane_record
from tests.support.panes import Event, record_of


def large_record(hosts: int = 60) -> PaneRecord:
    events = [
        Event(pane=0, service=f"s{n % 3}", zone=f"az{n % 2}", host=f"h{n}", faults=float(n % 2))
        for n in range(hosts)
    ]
    keys: dict[tuple[str, ...], float] = {(f"key-{n}", "x"): float(n) for n in range(hosts)}
    rules = [
        rule_pane("first", "v", keys, samples=hosts, minimum=0, maximum=9), rule_pane("bare", "v",
        {}, samples=5, minimum=1, maximum=2, sketch=b"s" * 50, sketch_weight=5),
    ]  # fmt: skip
    return record_of(events, pane=0, rules=rules, late=3)


def rows_of(record: PaneRecord) -> list[tuple[object, ...]]:
    """All that a record says, row by row, however it is cut into tables."""
    rows: list[tuple[object, ...]] = []
    for fleet in record.fleets:
        callers: dict[int, list[tuple[str, float]]] = {}
        for row, name, faults in fleet.callers:
            callers.setdefault(row, []).append((name, faults))
        for row, host in enumerate(fleet.hosts):
            cut, four = slice(8 * row, 8 * row + 8), slice(4 * row, 4 * row + 4)
            columns = (fleet.requests[cut], fleet.faults[cut], fleet.last_seen_ms[cut])
            rows.append((fleet.service, host, fleet.zone_index[four], columns, callers.get(row)))
    for rule in record.rules:
        rows.append((rule.rule, rule.samples, rule.sketch, rule.sketch_weight))
        rows += [
            (rule.rule, key, rule.values[8 * n : 8 * n + 8]) for n, key in enumerate(rule.keys)
        ]
    return [row for row in rows if row[1:] != (0.0, b"", 0.0)]


@given(max_bytes=st.integers(300, 20_000))
def test_chunks_are_small_enough_and_hold_every_row_once(max_bytes: int) -> None:
    record = large_record()
    chunks = split_record(record, max_bytes)
    sizes = [len(encode_pane_record(chunk)) for chunk in chunks]
    assert max(sizes) <= max_bytes
    assert sorted(map(repr, rows_of(record))) == sorted(
        repr(row) for chunk in chunks for row in rows_of(chunk)
    )
    assert [(n, len(chunks)) for n in range(len(chunks))] == [(c.chunk, c.chunks) for c in chunks]
    assert [3] + [0] * (len(chunks) - 1) == [chunk.late for chunk in chunks]


def test_a_record_that_fits_is_left_as_it_is() -> None:
    record = large_record()
    assert [record] == split_record(record, 1_000_000)


def test_tables_go_whole_into_a_chunk_where_they_fit() -> None:
    rules = [
        rule_pane(name, "v", {("k" * 100,): 1.0}, samples=1, minimum=1, maximum=1) for name in "ab"
    ]
    record = record_of([], pane=0, rules=rules)
    assert [["a"], ["b"]] == [[r.rule for r in chunk.rules] for chunk in split_record(record, 250)]


def test_one_row_that_is_too_large_is_an_error() -> None:
    with pytest.raises(ValueError, match="one row of a tally is larger than 284 bytes"):
        split_record(record_of([Event(pane=0, host="h" * 400)], pane=0), 300)


def test_chunks_join_in_any_order_and_across_the_wire(seed: int) -> None:
    record = large_record()
    chunks = [decode_pane_record(encode_pane_record(c)) for c in split_record(record, 900)]
    random.Random(seed).shuffle(chunks)
    buffer = ChunkBuffer()
    joined = [whole for chunk in chunks if (whole := buffer.add(chunk)) is not None]
    assert 1 == len(joined)
    assert rows_of(record) == sorted(rows_of(joined[0]), key=rows_of(record).index)
    assert (0, 1, 3) == (joined[0].chunk, joined[0].chunks, joined[0].late)
    assert 0 == len(buffer)


def test_a_successor_that_begins_again_replaces_what_a_dead_writer_left() -> None:
    """Writer a dies after chunk 1; writer b writes all chunks, with other rows in them."""
    old = split_record(large_record(), 900)
    new = [msgspec.structs.replace(chunk, future=9) for chunk in old]
    buffer = ChunkBuffer()
    assert [None, None] == [buffer.add(chunk) for chunk in old[1::-1]]
    whole = [buffer.add(chunk) for chunk in new][-1]
    assert whole is not None
    assert 9 == whole.future
    assert sorted(map(repr, rows_of(large_record()))) == sorted(map(repr, rows_of(whole)))


def test_half_received_records_are_bounded_and_the_oldest_goes_first() -> None:
    buffer = ChunkBuffer(limit=2)
    halves = [
        msgspec.structs.replace(record_of([], pane=pane), chunk=0, chunks=2) for pane in range(3)
    ]
    for half in halves:
        buffer.add(half)
    assert 2 == len(buffer)
    seconds = [msgspec.structs.replace(half, chunk=1) for half in halves]
    assert [True, True, False] == [buffer.add(seconds[n]) is not None for n in (1, 2, 0)]
