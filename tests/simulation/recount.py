"""An independent recount of the input log, by the rules of the README and no code of the detector.

Per source partition: an event counts in the pane of its time, once per id and pane, unless it is
more than the tolerance ahead of its record, or its pane was closed before it came: by the highest
time so far less the lateness, or by an idle record that some worker had published by then.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

PANE_MS = 1_000
LATENESS_MS = 500
TOLERANCE_MS = 3_000
Host = tuple[str, str]


def read(line: bytes | None) -> dict[str, Any] | None:
    """Return the event of a line, ``None`` for a broken one."""
    try:
        document = json.loads(line or b"")
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    faults = document.get("Faults")
    return document if isinstance(faults, int) and faults >= 0 else None


@dataclass(slots=True)
class Recount:
    """Counts of one source partition as one partition of the tallies topic should know them."""

    panes: dict[int, dict[Host, list[float]]] = field(default_factory=dict)
    ids: set[tuple[int, str]] = field(default_factory=set)
    closed_ms: int = -1
    top_ms: int = -1
    next_offset: int = 0
    broken: int = 0
    late: int = 0
    future: int = 0
    duplicates: int = 0

    def close_idle(self, through_ms: int) -> None:
        """Record that all panes up to ``through_ms`` were reported as closed."""
        self.closed_ms = max(self.closed_ms, through_ms)

    def add(self, line: bytes | None, record_ms: int) -> None:
        """Count the next line, logged in a record of timestamp ``record_ms``."""
        self.next_offset += 1
        event = read(line)
        if event is None:
            self.broken += 1
            return
        time = event["_aws"]["Timestamp"]
        pane = time // PANE_MS * PANE_MS
        if time > record_ms + TOLERANCE_MS:
            self.future += 1
        elif pane <= self.closed_ms:
            self.late += 1
        elif (pane, event["RequestId"]) in self.ids:
            self.duplicates += 1
        else:
            self.ids.add((pane, event["RequestId"]))
            row = self.panes.setdefault(pane, {}).setdefault(
                (event["AZ-ID"], event["InstanceId"]), [0.0, 0.0, 0.0]
            )
            row[0] += event["Requests"]
            row[1] += event["Faults"]
            row[2] += 1
            if time > self.top_ms:
                self.top_ms = time
                newest = (time - LATENESS_MS) // PANE_MS * PANE_MS - PANE_MS
                self.closed_ms = max(self.closed_ms, newest)


def window_of(recounts: Sequence[Recount], start_ms: int, end_ms: int) -> dict[Host, list[float]]:
    """Add up requests, faults and events of each host over partitions and panes."""
    rows: dict[Host, list[float]] = {}
    for recount in recounts:
        for pane in range(start_ms, end_ms, PANE_MS):
            for host, counts in recount.panes.get(pane, {}).items():
                old = rows.get(host, [0.0, 0.0, 0.0])
                rows[host] = [a + b for a, b in zip(old, counts, strict=True)]
    return rows
