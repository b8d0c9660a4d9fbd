"""What one caller alone contributes to each zone: the caller with most faults there.

Law: where a host's callers are not listed (only the hosts with most excess faults list theirs), the
caller is taken to have the same part of its faults as of those that are listed, so that a bad
caller of a large zone is not taken for a bad zone.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from detector.detection.statistics import FloatArray
from detector.tables.reports import FleetWindow


def worst_callers(window: FleetWindow, rows_by_caller: Mapping[str, Sequence[int]]) -> FloatArray:
    """Return, for each host, the faults that the worst caller of its zone met there."""
    zones = len(window.zones)
    listed_rows = np.flatnonzero(window.caller_faults > 0.0)
    listed = np.bincount(
        window.zone_index[listed_rows], window.faults[listed_rows], minlength=zones
    )
    met = {
        name: np.bincount(window.zone_index[rows], window.caller_faults[rows], minlength=zones)
        for name, rows in sorted(rows_by_caller.items())
    }
    names = list(met)
    table = np.array([met[name] for name in names])
    worst = np.argmax(table, axis=0)
    part = np.where(listed > 0.0, table[worst, np.arange(zones)] / np.maximum(listed, 1e-9), 0.0)
    excused = window.faults * part[window.zone_index]
    excused[listed_rows] = 0.0
    for zone in range(zones):
        rows = np.asarray(rows_by_caller[names[worst[zone]]], np.int64)
        own = rows[window.zone_index[rows] == zone]
        excused[own] = window.caller_faults[own]
    return excused
