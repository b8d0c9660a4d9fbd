"""An independent recount of the input topic, and what the detector said about it.

This module imports nothing of the product: it reads the input with the standard library's JSON and
applies the published rules of panes, watermark, lateness and future tolerance itself, partition by
partition in offset order. Tally records are read as plain msgpack.
"""

import json
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition

Row = tuple[str, str, str]
"""Service, zone, host."""
Pane = tuple[str, int, int]
"""Topic, partition, start of the pane in milliseconds."""


def read_topic(bootstrap: str, topic: str) -> Iterator[Message]:
    """Yield every record that the topic holds now, partition by partition in offset order."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "recount",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 5,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        for partition in sorted(partitions):
            consumer.assign([TopicPartition(topic, partition, 0)])
            at_end = False
            while not at_end:
                for message in consumer.consume(5000, 0.1):
                    error = message.error()
                    if error is None:
                        yield message
                    else:
                        # The only error that is no fault of the broker: the end of the partition.
                        assert "PARTITION_EOF" in error.name(), error
                        at_end = True
    finally:
        consumer.close()


@dataclass
class Truth:
    """What the input topic holds: counts per pane and row, and losses."""

    requests: dict[Pane, Counter[Row]] = field(default_factory=lambda: defaultdict(Counter))
    faults: dict[Pane, Counter[Row]] = field(default_factory=lambda: defaultdict(Counter))
    events: int = 0
    late: int = 0
    future: int = 0
    unreadable: int = 0
    duplicates: int = 0
    closed_through: dict[tuple[str, int], int] = field(default_factory=dict)

    def closed(self) -> set[Pane]:
        """Panes that the log itself closed."""
        return {pane for pane in self.requests if pane[2] <= self.closed_through.get(pane[:2], -1)}


def recount(
    bootstrap: str,
    topic: str,
    *,
    pane_ms: int,
    lateness_ms: int,
    future_ms: int = 60_000,
    id_field: str = "",
    is_poison: Callable[[Message], bool] = lambda _: False,
) -> Truth:
    """Count the input topic by its own records; hosts, zones and faults under the bench names.

    ``id_field`` names the member that identifies an event within its pane, the first one counting;
    ``is_poison`` recognises records that were written to be unreadable.
    """
    truth = Truth()
    newest: dict[tuple[str, int], int] = {}
    ids: set[tuple[str, int, int, str]] = set()
    for message in read_topic(bootstrap, topic):
        source = (topic, message.partition() or 0)
        truth.events += 1
        if is_poison(message):
            truth.unreadable += 1
            continue
        try:
            document: Any = json.loads(message.value() or b"")
            time_ms = document["_aws"]["Timestamp"]
            row = (document["Service"], document["AZ-ID"], document["InstanceId"])
            faults = document["Faults"]
        except (ValueError, KeyError, TypeError):
            truth.unreadable += 1
            continue
        if time_ms > message.timestamp()[1] + future_ms:
            truth.future += 1
            continue
        start = time_ms - time_ms % pane_ms
        if start <= truth.closed_through.get(source, -1):
            truth.late += 1
            continue
        if id_field:
            identity = (*source, start, document[id_field])
            if identity in ids:
                truth.duplicates += 1
                continue
            ids.add(identity)
        truth.requests[*source, start][row] += 1
        if faults:
            truth.faults[*source, start][row] += faults
        if time_ms > newest.get(source, -1):
            newest[source] = time_ms
            watermark = time_ms - lateness_ms
            through = watermark - watermark % pane_ms - pane_ms
            truth.closed_through[source] = max(through, truth.closed_through.get(source, -1))
    return truth


@dataclass
class Tallied:
    """What the tallies topic says, the first record of an identity winning."""

    requests: dict[Pane, Counter[Row]] = field(default_factory=lambda: defaultdict(Counter))
    faults: dict[Pane, Counter[Row]] = field(default_factory=lambda: defaultdict(Counter))
    late: int = 0
    future: int = 0
    duplicates: int = 0
    repeated: int = 0


def read_tallies(bootstrap: str, topic: str) -> Tallied:
    """Read all tally records; within one partition of the tallies the first of a pane wins."""
    tallied = Tallied()
    through: dict[tuple[int, str, int], int] = {}
    half: dict[tuple[int, str, int, int], dict[int, list[Any]]] = defaultdict(dict)
    for message in read_topic(bootstrap, topic):
        record: Any = msgspec.msgpack.decode(message.value() or b"")
        (_, source, partition, _, pane_ms, through_ms, _, _, late, future, duplicates) = record[:11]
        owner = (message.partition() or 0, source, partition)
        if through_ms <= through.get(owner, -1):
            tallied.repeated += 1
            continue
        chunk, chunks = record[13], record[14]
        key = (*owner, through_ms)
        half[key].setdefault(chunk, record)
        if len(half[key]) < chunks:
            continue
        through[owner] = through_ms
        if message.partition() == 0:
            tallied.late += late
            tallied.future += future
            tallied.duplicates += duplicates
        for part in half.pop(key).values():
            for fleet in part[11]:
                _add_fleet(tallied, (source, partition, pane_ms), fleet)
    return tallied


def _add_fleet(tallied: Tallied, pane: Pane, fleet: list[Any]) -> None:
    service, zones, zone_index, hosts, requests, faults = fleet[:6]
    count = len(hosts)
    indexes = struct.unpack(f"<{count}I", zone_index)
    all_requests = struct.unpack(f"<{count}d", requests)
    all_faults = struct.unpack(f"<{count}d", faults)
    for at, host in enumerate(hosts):
        row = (service, zones[indexes[at]][0], host)
        tallied.requests[pane][row] += int(all_requests[at])
        if all_faults[at]:
            tallied.faults[pane][row] += int(all_faults[at])


def compare(truth: Truth, tallied: Tallied, *, all_panes: bool) -> list[str]:
    """Return every difference in words; ``all_panes`` also demands panes that idleness closed."""
    expected = set(truth.requests) if all_panes else truth.closed()
    wrong = [
        f"pane {pane}: counted {sum(truth.requests[pane].values())}, "
        f"tallied {sum(tallied.requests[pane].values()) if pane in tallied.requests else None}"
        for pane in sorted(expected)
        if truth.requests[pane] != tallied.requests.get(pane)
        or truth.faults.get(pane, Counter()) != tallied.faults.get(pane, Counter())
    ]
    wrong += [
        f"pane {pane}: never counted" for pane in tallied.requests if pane not in truth.requests
    ]
    return wrong
