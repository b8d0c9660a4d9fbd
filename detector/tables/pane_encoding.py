"""Packs pane tables into columns, reads them back, and checks the records of other writers.

Law: packing is a function of the rows alone. Rows are sorted by key, so two workers that counted
the same events write the same bytes.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice, repeat

import numpy as np
from datasketches import frequent_strings_sketch
from numpy.typing import NDArray

from detector.tables.measured_columns import check_measured
from detector.tables.pane_records import FleetPane, MeasuredPane, PaneRecord, RulePane

CALLERS_PER_HOST = 8

RowKey = tuple[str, str, str]
"""Service, zone, host."""
FleetRow = Sequence[float | str]
"""Requests, faults, slow, connection failures, last seen (epoch ms), zone ID, zone name.

Latency may precede the zone: its sum in microseconds, and the number of requests that logged it.
"""
ZONE_ID, ZONE_NAME = -2, -1
MAX_LATENCY_US = 1e15
"""Bound of a host's latency in a pane: thirty years; larger sums are not exact in float64."""


def float_column(raw: bytes) -> NDArray[np.float64]:
    """Read a packed column of little-endian float64; read-only, the array shares the bytes."""
    return np.frombuffer(raw, dtype="<f8")


def index_column(raw: bytes) -> NDArray[np.uint32]:
    """Read a packed column of little-endian uint32; the array is read-only and shares the bytes."""
    return np.frombuffer(raw, dtype="<u4")


def summed_columns(pane: FleetPane) -> tuple[NDArray[np.float64], ...]:
    """Read the columns that windows add up.

    They are requests, faults, slow, connection failures, the sum of latencies in microseconds and
    their number; the last two are 0 where the record has no latency.
    """
    counts = (pane.requests, pane.faults, pane.slow, pane.connection_failures)
    nothing = np.zeros(0 if pane.latencies else len(pane.hosts))
    latency = (pane.latency_us, pane.latencies)
    return (*map(float_column, counts), *(float_column(raw) if raw else nothing for raw in latency))


def pack_floats(values: Iterable[float], count: int) -> bytes:
    """Pack ``count`` numbers as little-endian float64."""
    return np.fromiter(values, dtype="<f8", count=count).tobytes()


def fleet_panes(
    rows: Mapping[RowKey, FleetRow], callers: Mapping[RowKey, Mapping[str, float]]
) -> list[FleetPane]:
    """Pack the rows of one pane into a table per service, sorted by service, zone and host.

    ``callers`` maps a row to the faults of each caller; the eight with the most faults are kept.
    Cost: about 1 microsecond a row, most of it for sorting.
    """
    cells: dict[str, dict[str, dict[str, FleetRow]]] = {}
    for (service, zone, host), cell in rows.items():
        cells.setdefault(service, {}).setdefault(zone, {})[host] = cell
    named: dict[str, list[RowKey]] = {}
    for key in sorted(callers):
        named.setdefault(key[0], []).append(key)
    return [
        _fleet_pane(
            service, cells[service], [(key, callers[key]) for key in named.get(service, ())]
        )
        for service in sorted(cells)
    ]


def _fleet_pane(
    service: str,
    cells: Mapping[str, Mapping[str, FleetRow]],
    callers: Sequence[tuple[RowKey, Mapping[str, float]]],
) -> FleetPane:
    zones: list[tuple[str, str, str]] = []
    hosts: list[str] = []
    rows: list[FleetRow] = []
    zone_index: list[NDArray[np.uint32]] = []
    # Sorting strings zone by zone takes a third of the time of sorting whole keys.
    for number, zone in enumerate(sorted(cells)):
        cell_by_host = cells[zone]
        names = sorted(cell_by_host)
        rows += map(cell_by_host.__getitem__, names)
        hosts += names
        zone_index.append(np.full(len(names), number, "<u4"))
        # Of two spellings the larger wins, so that the order of the log does not matter.
        both = max({(cell[ZONE_ID], cell[ZONE_NAME]) for cell in cell_by_host.values()})
        zones.append((zone, str(both[0]), str(both[1])))
    columns = zip(*rows, strict=True)
    packed = (np.array(column, "<f8").tobytes() for column in islice(columns, 5))
    requests, faults, slow, connection_failures, last_seen_ms = packed
    latency_us, latencies = _latency_columns([*columns][:ZONE_ID])
    return FleetPane(
        service,
        zones,
        np.concatenate(zone_index).tobytes(),
        hosts,
        requests,
        faults,
        slow,
        connection_failures,
        last_seen_ms,
        _caller_rows(zones, zone_index, hosts, callers) if callers else [],
        latency_us,
        latencies,
    )


def _latency_columns(columns: Sequence[Sequence[float | str]]) -> tuple[bytes, bytes]:
    """Pack the latency columns in whole microseconds, whose sums are exact in any order."""
    if not columns or not any(columns[1]):
        return b"", b""
    latency_us, latencies = (np.array(column, "<f8") for column in columns)
    whole = np.rint(np.minimum(latency_us, MAX_LATENCY_US))
    return whole.tobytes(), latencies.tobytes()


def _caller_rows(
    zones: Sequence[tuple[str, str, str]],
    zone_index: Sequence[NDArray[np.uint32]],
    hosts: Sequence[str],
    callers: Sequence[tuple[RowKey, Mapping[str, float]]],
) -> list[tuple[int, str, float]]:
    places = chain.from_iterable(
        repeat(zone[0], numbers.size) for zone, numbers in zip(zones, zone_index, strict=True)
    )
    row_by_place = {place: row for row, place in enumerate(zip(places, hosts, strict=True))}
    return [
        (row_by_place[zone, host], caller, faults)
        for (_, zone, host), faults_by_caller in callers
        for caller, faults in _most_faulty(faults_by_caller)
    ]


def _most_faulty(faults_by_caller: Mapping[str, float]) -> list[tuple[str, float]]:
    if len(faults_by_caller) == 1:
        return list(faults_by_caller.items())
    return sorted(faults_by_caller.items(), key=lambda item: (-item[1], item[0]))[:CALLERS_PER_HOST]


def rule_pane(
    rule: str,
    version: str,
    values: Mapping[tuple[str, ...], float],
    *,
    samples: float,
    minimum: float,
    maximum: float,
    sketch: bytes = b"",
    sketch_weight: float = 0.0,
    measured: MeasuredPane | None = None,
) -> RulePane:
    """Pack the contributors of one rule, sorted by key; ``measured`` already has that order."""
    keys = sorted(values)
    packed = pack_floats((values[key] for key in keys), len(keys))
    return RulePane(
        rule, version, keys, packed, samples, minimum, maximum, sketch, sketch_weight, measured
    )


def check_record(record: PaneRecord) -> None:
    """Raise ``ValueError`` when columns of a table differ in length or refer to missing rows."""
    for fleet in record.fleets:
        floats = (
            fleet.requests, fleet.faults, fleet.slow, fleet.connection_failures, fleet.last_seen_ms,
        )  # fmt: skip
        hosts = len(fleet.hosts)
        zones = index_column(fleet.zone_index) if len(fleet.zone_index) == 4 * hosts else None
        latency = [len(raw) for raw in (fleet.latency_us, fleet.latencies)]
        if (
            zones is None
            or any(len(raw) != 8 * hosts for raw in floats)
            or latency not in ([0, 0], [8 * hosts, 8 * hosts])
        ):
            raise ValueError(
                f"columns of fleet {fleet.service!r} differ in length, expected {hosts} rows"
            )
        # Rows are grouped by zone, so a zone's hosts are one slice and cheap to read.
        if hosts and (int(zones[-1]) >= len(fleet.zones) or bool(np.any(zones[1:] < zones[:-1]))):
            raise ValueError(
                f"zones of fleet {fleet.service!r} are not in order, expected rows by zone"
            )
        if any(not 0 <= row < hosts for row, _, _ in fleet.callers):
            raise ValueError(
                f"callers of fleet {fleet.service!r} name rows outside its {hosts} rows"
            )
    for rule in record.rules:
        if len(rule.values) != 8 * len(rule.keys):
            raise ValueError(
                f"columns of rule {rule.rule!r} differ in length, expected {len(rule.keys)} rows"
            )
        if rule.sketch:
            _check_sketch(rule)
        if rule.measured is not None:
            check_measured(rule.rule, rule.measured, len(rule.keys))
    if not 0 <= record.chunk < record.chunks:
        raise ValueError(
            f"chunk {record.chunk} of {record.chunks}, expected a number below the count"
        )


def _check_sketch(rule: RulePane) -> None:
    try:
        frequent_strings_sketch.deserialize(rule.sketch)
    except (IndexError, RuntimeError, ValueError) as error:
        raise ValueError(f"sketch of rule {rule.rule!r} is not readable: {error}") from error
