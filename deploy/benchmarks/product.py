"""The product under measurement: a worker process on a backlog, watched from outside.

Times come from the records themselves: the worker's publisher stamps tally records and actions when
it writes them, on the same machine's clock as everything else here.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from detector.tables.pane_records import decode_pane_record
from tests.support.deployment import Deployment
from tests.support.recount import read_topic
from tests.support.waiting import wait_for
from tests.support.worker import DetectorProcess

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Run:
    """One backlog read by one worker. CPU counts the worker alone, from its first partition on."""

    events: int
    seconds: float
    cpu_seconds: float
    peak_rss_mib: float

    @property
    def events_per_second(self) -> float:
        """Rate from the first assigned partition to the last durable tally."""
        return self.events / self.seconds


def cpu_seconds(pid: int) -> float:
    """Return user and system seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_rss_mib(pid: int) -> float:
    """Return the highest resident set of a process so far."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no VmHWM of process {pid}")


def stamp_of(event: Mapping[str, Any]) -> float:
    """Return the epoch seconds of a log line."""
    return datetime.fromisoformat(event["time"]).timestamp()


def tallies(deployment: Deployment) -> list[tuple[int, Any]]:
    """Return (timestamp in ms, record) of every tally record, in order per partition."""
    return [
        (message.timestamp()[1], decode_pane_record(message.value() or b""))
        for message in read_topic(deployment.bootstrap, deployment.topics.tallies)
    ]


def read_backlog(
    deployment: Deployment, *, events: int, last_pane_ms: int, workers: int = 1
) -> Run:
    """Start workers on a backlog whose last pane is ``last_pane_ms``; wait until it is told."""
    processes = [deployment.process("run", f"worker-{number}") for number in range(workers)]
    try:
        for process in processes:
            process.start()
        started = min(stamp_of(process.wait_event("reading")) for process in processes)
        cpu_before = sum(cpu_seconds(process.pid) for process in processes)
        end = wait_for(
            lambda: _told_at(deployment, last_pane_ms), seconds=600, what="the backlog", every=0.5
        )
        cpu = sum(cpu_seconds(process.pid) for process in processes) - cpu_before
        peak = max(peak_rss_mib(process.pid) for process in processes)
    finally:
        for process in processes:
            _end(process)
    return Run(events, end - started, cpu, peak)


def _told_at(deployment: Deployment, last_pane_ms: int) -> float | None:
    through: dict[tuple[int, int], int] = {}
    newest = 0
    for message in read_topic(deployment.bootstrap, deployment.topics.tallies):
        record = decode_pane_record(message.value() or b"")
        owner = (message.partition() or 0, record.partition)
        if record.through_ms <= last_pane_ms:
            newest = max(newest, message.timestamp()[1])
        through[owner] = max(through.get(owner, -1), record.through_ms)
    sources = deployment.topics.tally_partitions * 4
    if len(through) == sources and min(through.values()) >= last_pane_ms:
        return newest / 1000
    return None


def _end(process: DetectorProcess) -> None:
    if process.running:
        process.terminate()


def pause(seconds: float) -> None:
    """Let load go on."""
    time.sleep(seconds)
