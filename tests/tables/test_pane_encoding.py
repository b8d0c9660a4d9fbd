"""Rows become columns and come back, in an order that depends on the rows alone."""

import random

import msgspec
import pytest
from datasketches import frequent_strings_sketch

from detector.tables.pane_encoding import (
    check_record,
    fleet_panes,
    float_column,
    index_column,
    rule_pane,
)
from detector.tables.pane_records import PaneRecord
from tests.support.panes import Event, record_of

ROWS: dict[tuple[str, str, str], list[float | str]] = {
    ("search", "az2", "h9"): [5.0, 1.0, 2.0, 3.0, 1_700_000_000_123, "az2", "us-east-1b"],
    ("checkout", "az2", "h1"): [1.0, 0.0, 0.0, 0.0, 1_700_000_000_001, "az2", ""],
    ("checkout", "az1", "h2"): [2.0, 2.0, 0.0, 0.0, 1_700_000_000_002, "az1", "us-east-1a"],
    ("checkout", "az2", "h0"): [4.0, 0.5, 0.0, 0.0, 1_700_000_000_003, "az2", "us-east-1b"],
}


def test_rows_are_packed_by_service_zone_and_host() -> None:
    checkout, search = fleet_panes(ROWS, {})
    assert ("checkout", ["h2", "h0", "h1"]) == (checkout.service, checkout.hosts)
    assert [("az1", "az1", "us-east-1a"), ("az2", "az2", "us-east-1b")] == checkout.zones
    assert [0, 1, 1] == index_column(checkout.zone_index).tolist()
    assert [2.0, 4.0, 1.0] == float_column(checkout.requests).tolist()
    assert [2.0, 0.5, 0.0] == float_column(checkout.faults).tolist()
    assert [5.0, 1.0, 2.0, 3.0, 1_700_000_000_123.0] == [
        float_column(raw)[0]
        for raw in (
            search.requests,
            search.faults,
            search.slow,
            search.connection_failures,
            search.last_seen_ms,
        )
    ]


def test_the_order_in_which_rows_were_met_leaves_no_trace(seed: int) -> None:
    callers = {key: {f"c{number}": 1.0 for number in range(9)} for key in ROWS}
    chance = random.Random(seed)
    keys = list(ROWS)
    chance.shuffle(keys)
    shuffled = fleet_panes({key: ROWS[key] for key in keys}, {key: callers[key] for key in keys})
    assert fleet_panes(ROWS, callers) == shuffled


def test_the_eight_most_faulty_callers_of_a_host_are_kept_worst_first() -> None:
    faults = {f"c{number:02}": float(number % 5) for number in range(12)}
    key = ("checkout", "az2", "h1")
    (checkout, _) = fleet_panes(ROWS, {key: faults, ("checkout", "az2", "h0"): {"x": 1.0}})
    names = ["c04", "c09", "c03", "c08", "c02", "c07", "c01", "c06"]
    assert [(1, "x", 1.0), *((2, name, faults[name]) for name in names)] == checkout.callers


def test_contributors_of_a_rule_are_packed_by_key() -> None:
    pane = rule_pane("r", "v", {("b",): 2.0, ("a",): 1.5}, samples=3, minimum=1, maximum=2)
    assert ([("a",), ("b",)], [1.5, 2.0]) == (pane.keys, float_column(pane.values).tolist())


def two_hosts() -> PaneRecord:
    return record_of([Event(pane=0, host=host, zone=host) for host in "ab"], pane=0)


def test_what_was_packed_passes_the_check() -> None:
    sketch = frequent_strings_sketch(5)
    rule = rule_pane(
        "r", "v", {}, samples=1, minimum=1, maximum=1, sketch=sketch.serialize(), sketch_weight=1
    )
    check_record(record_of([Event(pane=0, faults=1)], pane=0, rules=[rule]))


FLOATS = "requests faults slow connection_failures last_seen_ms"


@pytest.mark.parametrize("column", [*FLOATS.split(), "zone_index"])
def test_a_fleet_column_of_another_length_is_refused(column: str) -> None:
    record = two_hosts()
    record.fleets[0] = msgspec.structs.replace(record.fleets[0], **{column: b"1" * 12})
    with pytest.raises(ValueError, match="'checkout' differ in length, expected 2 rows"):
        check_record(record)


@pytest.mark.parametrize("zones", [(0, 2), (1, 0)])
def test_zones_unknown_or_out_of_order_are_refused(zones: tuple[int, int]) -> None:
    record = two_hosts()
    packed = b"".join(zone.to_bytes(4, "little") for zone in zones)
    record.fleets[0] = msgspec.structs.replace(record.fleets[0], zone_index=packed)
    with pytest.raises(ValueError, match="not in order"):
        check_record(record)


@pytest.mark.parametrize("row", [-1, 2])
def test_callers_of_rows_that_do_not_exist_are_refused(row: int) -> None:
    record = two_hosts()
    record.fleets[0] = msgspec.structs.replace(record.fleets[0], callers=[(row, "c", 1.0)])
    with pytest.raises(ValueError, match="outside its 2 rows"):
        check_record(record)


def test_a_rule_column_of_another_length_is_refused() -> None:
    pane = rule_pane("r", "v", {("a",): 1.0}, samples=1, minimum=1, maximum=1)
    record = record_of([], pane=0, rules=[msgspec.structs.replace(pane, values=b"")])
    with pytest.raises(ValueError, match="rule 'r' differ in length, expected 1 rows"):
        check_record(record)


def test_a_sketch_that_cannot_be_read_is_refused() -> None:
    pane = rule_pane("r", "v", {}, samples=1, minimum=1, maximum=1, sketch=b"no sketch at all")
    with pytest.raises(ValueError, match="sketch of rule 'r' is not readable"):
        check_record(record_of([], pane=0, rules=[pane]))


@pytest.mark.parametrize(("chunk", "chunks"), [(1, 1), (-1, 2), (0, 0)])
def test_impossible_chunk_numbers_are_refused(chunk: int, chunks: int) -> None:
    record = msgspec.structs.replace(two_hosts(), chunk=chunk, chunks=chunks)
    with pytest.raises(ValueError, match=f"chunk {chunk} of {chunks}"):
        check_record(record)
