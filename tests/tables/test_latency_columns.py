"""Latency on its way from rows to windows: whole microseconds and their number, or nothing."""

import msgspec
import pytest

from detector.tables.host_window import FleetTable
from detector.tables.pane_chunks import ChunkBuffer, split_record
from detector.tables.pane_encoding import (
    MAX_LATENCY_US,
    FleetRow,
    check_record,
    fleet_panes,
    float_column,
)
from detector.tables.pane_records import FleetPane, decode_pane_record, encode_pane_record
from detector.tables.reports import WindowMeta
from detector.tables.windows import Window
from tests.support.panes import Event, record_of

META = WindowMeta(Window(0, 60_000), complete=True, partial=False, missing_partitions=(), late=0)


def row(latency_us: float, latencies: float) -> FleetRow:
    return [5.0, 0.0, 0.0, 0.0, 9, latency_us, latencies, "az1", "east-a"]


def pane_of(**rows: FleetRow) -> FleetPane:
    (pane,) = fleet_panes({("checkout", "az1", host): cells for host, cells in rows.items()}, {})
    return pane


def latency_of(pane: FleetPane) -> tuple[list[float], list[float]]:
    return float_column(pane.latency_us).tolist(), float_column(pane.latencies).tolist()


def test_latency_is_packed_in_whole_microseconds() -> None:
    pane = pane_of(h1=row(12_500.4, 3.0), h2=row(0.0, 0.0), h3=row(float("inf"), 1.0))
    assert ([12_500.0, 0.0, MAX_LATENCY_US], [3.0, 0.0, 1.0]) == latency_of(pane)
    assert [("az1", "az1", "east-a")] == pane.zones


def test_where_nobody_logged_latency_nothing_travels() -> None:
    bare: FleetRow = [5.0, 0.0, 0.0, 0.0, 9, "az1", "east-a"]
    assert (b"", b"") == (pane_of(h1=bare).latency_us, pane_of(h1=bare).latencies)
    assert (b"", b"") == (pane_of(h1=row(0.0, 0.0)).latency_us, pane_of(h1=row(0, 0)).latencies)


def test_a_record_of_an_older_release_is_read() -> None:
    record = record_of([Event(pane=0)], pane=0)
    older = msgspec.to_builtins(record, builtin_types=(bytes,))
    older[11] = [fleet[:-2] for fleet in older[11]]
    read = decode_pane_record(msgspec.msgpack.encode(older))
    assert record == read
    check_record(read)


@pytest.mark.parametrize("column", ["latency_us", "latencies"])
@pytest.mark.parametrize("raw", [b"", b"1" * 8])
def test_columns_of_latency_that_do_not_fit_are_refused(column: str, raw: bytes) -> None:
    fleet = pane_of(h1=row(1.0, 1.0), h2=row(1.0, 1.0))
    record = record_of([Event(pane=0)], pane=0)
    record.fleets[0] = msgspec.structs.replace(fleet, **{column: raw})
    with pytest.raises(ValueError, match="'checkout' differ in length, expected 2 rows"):
        check_record(record)


def test_latency_travels_in_chunks_as_the_other_columns_do() -> None:
    record = record_of([Event(pane=0)], pane=0)
    record.fleets[0] = pane_of(**{f"h{n:03}": row(float(n), 1.0) for n in range(100)})
    buffer, whole = ChunkBuffer(), None
    chunks = split_record(record, 1_500)
    for chunk in chunks:
        check_record(chunk)
        whole = buffer.add(decode_pane_record(encode_pane_record(chunk)))
    assert len(chunks) > 1
    assert whole is not None
    found = [value for fleet in whole.fleets for value in latency_of(fleet)[0]]
    assert [float(n) for n in range(100)] == found


def test_a_window_adds_latency_up_over_sources_and_panes() -> None:
    table = FleetTable("checkout", 6)
    table.stage(0, ("logs", 0, 0), pane_of(h1=row(10.0, 1.0), h2=row(7.0, 2.0)))
    bare: FleetRow = [5.0, 0.0, 0.0, 0.0, 9, "az1", "east-a"]
    table.stage(0, ("logs", 1, 0), pane_of(h2=bare, h3=bare))
    table.close(0)
    table.stage(10_000, ("logs", 0, 0), pane_of(h1=row(5.0, 1.0)))
    table.close(10_000)
    window = table.window(META)
    assert ("h1", "h2", "h3") == window.hosts
    assert [15.0, 7.0, 0.0] == window.latency_us.tolist()
    assert [2.0, 2.0, 0.0] == window.latencies.tolist()
    assert window.newest is not None
    assert (4, 3) == window.newest.shape
