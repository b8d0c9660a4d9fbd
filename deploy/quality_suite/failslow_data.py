"""Labelled production data of one storage cluster, as arrays and as log events.

Every ``cluster_*.parquet`` has one row per device and minute (timestamp in seconds, node, device,
latency, throughput) and beside it ``cluster_*_labels.csv`` (node, device, slow). A device becomes a
host, its node a zone (a node is a cell of twelve devices that share machine and load), the cluster
a service. Names are hashed, so that nothing can depend on them.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import msgspec
import numpy as np
from numpy.typing import NDArray

SERVICE = "storage"
MINUTE = 60
BYTES_PER_REQUEST = 2**20


class DataError(Exception):
    """There is no data where it should be, or it is not what it should be."""


@dataclass(frozen=True, slots=True)
class Message:
    """One record as intake reads it, with the time of its event."""

    raw: bytes
    time_ms: int

    def value(self) -> bytes:
        """Return the record's value."""
        return self.raw

    def timestamp(self) -> tuple[int, int]:
        """Return the type and the milliseconds of the record's timestamp."""
        return 0, self.time_ms


@dataclass(frozen=True)
class Cluster:
    """One cluster: a row per sample in order of time, and the devices that the rows point at."""

    name: str
    timestamps: NDArray[np.int64]
    device: NDArray[np.int64]
    latency: NDArray[np.float64]
    throughput: NDArray[np.float64]
    hosts: tuple[str, ...]
    zones: tuple[str, ...]
    slow: NDArray[np.bool_]

    @cached_property
    def minutes(self) -> NDArray[np.int64]:
        """The minutes in which anything was recorded; gaps between them are recording gaps."""
        return np.unique(self.timestamps // MINUTE)

    @cached_property
    def siblings(self) -> NDArray[np.bool_]:
        """Devices that are not labelled, on nodes with labelled ones."""
        sick = {zone for zone, slow in zip(self.zones, self.slow, strict=True) if slow}
        return np.array([zone in sick for zone in self.zones]) & ~self.slow

    @cached_property
    def first_minute(self) -> NDArray[np.int64]:
        """Place of each device's first sample among the recorded minutes."""
        first = np.full(len(self.hosts), self.minutes.size)
        np.minimum.at(first, self.device, self.minute_of(self.timestamps))
        return first

    def minute_of(self, timestamps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the place of each time among the recorded minutes."""
        return np.searchsorted(self.minutes, timestamps // MINUTE)

    def matrix(self) -> NDArray[np.float64]:
        """Return the latency by recorded minute and device, NaN where there is none."""
        found = np.full((self.minutes.size, len(self.hosts)), np.nan)
        found[self.minute_of(self.timestamps), self.device] = self.latency
        return found

    def messages(self) -> Iterator[Message]:
        """Yield the log events, in order of time; the data gives latency no unit."""
        encode = msgspec.json.Encoder().encode
        columns = (self.timestamps, self.device, self.latency, self.throughput)
        for seconds, device, latency, moved in zip(*(c.tolist() for c in columns), strict=True):
            document = {
                "_aws": {"Timestamp": seconds * 1000, "CloudWatchMetrics": []},
                "InstanceId": self.hosts[device],
                "AZ-ID": self.zones[device],
                "Service": SERVICE,
                "Operation": "io",
                "Requests": max(1, round(moved / BYTES_PER_REQUEST)),
                "Faults": 0,
                "Latency": latency,
            }
            yield Message(encode(document), seconds * 1000)


def clusters_in(directory: Path) -> Iterator[Cluster]:
    """Read every cluster in ``directory``, by name; ``DataError`` when there is none."""
    found = sorted(directory.glob("cluster_*.parquet"))
    if not found:
        raise DataError(f"found no cluster_*.parquet in {directory}, name their directory: --data")
    for path in found:
        labels = path.with_name(f"{path.stem}_labels.csv")
        if not labels.exists():
            raise DataError(f"{path.name} has no labels, expected {labels}")
        yield read_cluster(path, labels)


def read_cluster(path: Path, labels: Path) -> Cluster:
    """Read one cluster; devices stand in the order of their hashed names."""
    with duckdb.connect() as database:
        rows = database.execute(
            "select timestamp::bigint as logged, node, device, latency::double as latency, "
            "throughput::double as throughput from read_parquet(?) where latency is not null "
            "order by 1, 2, 3",
            [str(path)],
        ).fetchnumpy()
        marked = database.execute(
            "select node, device, slow::int as slow from read_csv(?, header = true)", [str(labels)]
        ).fetchnumpy()
    slow_by_place = {
        (str(node), str(device)): bool(slow)
        for node, device, slow in zip(marked["node"], marked["device"], marked["slow"], strict=True)
    }
    places = [*zip(map(str, rows["node"]), map(str, rows["device"]), strict=True)]
    known = sorted(set(places) | set(slow_by_place), key=lambda place: _hashed(*place))
    number_by_place = {place: number for number, place in enumerate(known)}
    return Cluster(
        name=path.stem.removeprefix("cluster_").upper(),
        timestamps=np.asarray(rows["logged"], np.int64),
        device=np.array([number_by_place[place] for place in places], np.int64),
        latency=np.asarray(rows["latency"], np.float64),
        throughput=np.nan_to_num(np.asarray(rows["throughput"], np.float64)),
        hosts=tuple(f"i-{_hashed(*place)}" for place in known),
        zones=tuple(f"az-{_hashed(place[0])}" for place in known),
        slow=np.array([slow_by_place.get(place, False) for place in known]),
    )


def _hashed(*names: str) -> str:
    return hashlib.sha256("\x1f".join(names).encode()).hexdigest()[:12]
