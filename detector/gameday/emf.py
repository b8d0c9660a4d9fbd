"""Log lines in CloudWatch Embedded Metric Format, as three public libraries print them.

Law: for the same calls, a writer returns the bytes that the library named in ``Library`` prints,
including member order and separators; ``tests/golden/emf`` holds recorded lines of the real
libraries.

Known limits: one line per document, so more than 100 metrics or 100 values are refused (the
libraries split them); numbers print alike in Python and JavaScript only between 1e-4 and 1e16; no
line end, since a shipper removes it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

MAX_METRICS = 100
"""Metrics per document, and values per metric; AWS, "Specification: Embedded metric format"."""

BENCHMARK_BYTES = 590
"""Length of a benchmark event, close to the mean of EMF lines with four dimensions."""

BENCHMARK_PREFIX = b'{"_aws":{"Timestamp":'
"""Start of every benchmark event; 13 digits of epoch milliseconds and a body follow."""

_BENCHMARK_HEAD = (
    ',"LogGroupName":"/shop/api","CloudWatchMetrics":[{"Namespace":"Shop/Api",'
    '"Dimensions":[["InstanceId","AZ-ID"]],"Metrics":[{"Name":"Latency","Unit":"Milliseconds"},{"Name":"Faults","Unit":"Count"}]}]},'
)
_BENCHMARK_MESSAGE = (
    "request completed for customer in region us-east-1 via edge cache; retry=0; shard=12; "
    "pool=primary; tls=1.3; h2=1; trace=abc; build=4711; "
)
_BENCHMARK_OPERATIONS = ("GetItem", "PutItem", "Query", "Scan")
_BENCHMARK_STATUSES = (200, 200, 200, 200, 200, 200, 200, 404)


class Library(StrEnum):
    """A library and the version whose output was recorded."""

    PYTHON = "aws-embedded-metrics-python-3.5.0"
    NODE = "aws-embedded-metrics-node-4.2.1"
    POWERTOOLS = "aws-lambda-powertools-3.37.0"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric and its values in order of recording; ``unit`` is one of CloudWatch's 27."""

    name: str
    values: tuple[float, ...]
    unit: str = "None"
    high_resolution: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """What a library gets from the EC2 metadata service; the zone is a name, not an ID."""

    image_id: str
    instance_id: str
    instance_type: str
    private_ip: str
    availability_zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EmfDocument:
    """What a program passed to its EMF library before one flush.

    ``dimension_sets`` include the default dimensions if they are enabled. ``log_group`` and
    ``log_stream`` are set if the line goes through the CloudWatch agent, and ``instance`` if the
    program runs on EC2; Powertools has neither.
    """

    namespace: str
    timestamp_ms: int
    dimension_sets: tuple[Mapping[str, str], ...]
    properties: Mapping[str, object]
    metrics: tuple[Metric, ...]
    log_group: str | None = None
    log_stream: str | None = None
    instance: Instance | None = None


def line(library: Library, document: EmfDocument) -> str:
    """Return the document as the library prints it; ``ValueError`` if that is not one line."""
    _check(document)
    match library:
        case Library.PYTHON:
            return json.dumps(_root(document, document.metrics, private_ip="privateIp"))
        case Library.NODE:
            root = _root(document, _heap_order(document.metrics), private_ip="privateIP")
            return json.dumps(_javascript(root), separators=(",", ":"), ensure_ascii=False)
        case Library.POWERTOOLS:
            return json.dumps(_powertools(document), separators=(",", ":"))


def _check(document: EmfDocument) -> None:
    widest = max((len(metric.values) for metric in document.metrics), default=0)
    if len(document.metrics) > MAX_METRICS or widest > MAX_METRICS:
        raise ValueError(
            f"document has {len(document.metrics)} metrics of up to {widest} values, "
            f"expected at most {MAX_METRICS} of each: flush more often"
        )


def _root(document: EmfDocument, metrics: tuple[Metric, ...], *, private_ip: str) -> dict[str, Any]:
    """Order the members as aws-embedded-metrics does: dimensions, properties, ``_aws``, values."""
    root: dict[str, Any] = {}
    for dimensions in document.dimension_sets:
        root |= dimensions
    root |= document.properties
    if document.instance is not None:
        root |= {
            "imageId": document.instance.image_id,
            "instanceId": document.instance.instance_id,
            "instanceType": document.instance.instance_type,
            private_ip: document.instance.private_ip,
            "availabilityZone": document.instance.availability_zone,
        }
    meta: dict[str, object] = {"Timestamp": document.timestamp_ms}
    if document.log_group is not None:
        meta["LogGroupName"] = document.log_group
    if document.log_stream is not None:
        meta["LogStreamName"] = document.log_stream
    meta["CloudWatchMetrics"] = [
        {
            "Dimensions": [list(dimensions) for dimensions in document.dimension_sets],
            "Metrics": [_definition(metric) for metric in metrics],
            "Namespace": document.namespace,
        }
    ]
    root["_aws"] = meta
    for metric in metrics:
        root[metric.name] = metric.values[0] if len(metric.values) == 1 else list(metric.values)
    return root


def _powertools(document: EmfDocument) -> dict[str, Any]:
    """Order as Powertools does: ``_aws`` first, properties at the root, values as floats."""
    root: dict[str, Any] = {
        "_aws": {
            "Timestamp": document.timestamp_ms,
            "CloudWatchMetrics": [
                {
                    "Namespace": document.namespace,
                    "Dimensions": [list(dimensions) for dimensions in document.dimension_sets],
                    "Metrics": [_definition(metric) for metric in document.metrics],
                }
            ],
        }
    }
    for dimensions in document.dimension_sets:
        root |= dimensions
    root |= document.properties
    for metric in document.metrics:
        root[metric.name] = [float(value) for value in metric.values]
    return root


def _definition(metric: Metric) -> dict[str, object]:
    definition: dict[str, object] = {"Name": metric.name, "Unit": metric.unit}
    if metric.high_resolution:
        definition["StorageResolution"] = 1
    return definition


def _heap_order(metrics: tuple[Metric, ...]) -> tuple[Metric, ...]:
    """Order metrics as the Node library does: from a binary max-heap, by number of values.

    The order is not stable: three metrics with one value each come out as first, third, second.
    """
    heap = list(metrics)
    for parent in reversed(range(len(heap) // 2)):
        _sift_down(heap, parent)
    ordered: list[Metric] = []
    while heap:
        ordered.append(heap[0])
        last = heap.pop()
        if heap:
            heap[0] = last
            _sift_down(heap, 0)
    return tuple(ordered)


def _sift_down(heap: list[Metric], parent: int) -> None:
    while (child := 2 * parent + 1) < len(heap):
        if child + 1 < len(heap) and len(heap[child].values) < len(heap[child + 1].values):
            child += 1
        if len(heap[parent].values) >= len(heap[child].values):
            return
        heap[parent], heap[child] = heap[child], heap[parent]
        parent = child


def _javascript(value: object) -> object:
    """Return the value with whole floats as integers: JavaScript prints 12.0 as 12."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _javascript(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_javascript(member) for member in value]
    return value


def benchmark_body(
    *,
    host: str,
    zone_id: str,
    service: str,
    operation: str,
    customer: str,
    status: int,
    latency_ms: float,
    faults: int,
    request_id: str,
) -> bytes:
    """Return everything of a benchmark event that follows its timestamp.

    ``Msg`` is cut to make the whole event ``BENCHMARK_BYTES`` long; the event is longer only if the
    other members already are. Strings must be ASCII and need no JSON escapes.
    """
    members = (
        f'{_BENCHMARK_HEAD}"InstanceId":"{host}","AZ-ID":"{zone_id}","Service":"{service}","Operation":"{operation}",'
        f'"Caller":"{customer}","Status":{status},"Latency":{latency_ms!r},"Faults":{faults},"ConnectionFailures":0,'
        f'"RequestId":"{request_id}","Msg":"'
    )
    length = max(0, BENCHMARK_BYTES - len(BENCHMARK_PREFIX) - 13 - len(members) - len('"}'))
    message = (_BENCHMARK_MESSAGE * (1 + length // len(_BENCHMARK_MESSAGE)))[:length]
    return f'{members}{message}"}}'.encode("ascii")


def benchmark_event(event_ms: int, body: bytes) -> bytes:
    """Return the event of a ``benchmark_body``; ``event_ms`` is epoch milliseconds, 13 digits."""
    return b"%b%013d%b" % (BENCHMARK_PREFIX, event_ms, body)


def benchmark_bodies(
    seed: int,
    count: int,
    *,
    hosts: int = 120,
    zones: int = 3,
    services: tuple[str, ...] = ("checkout", "search"),
    fault_share: float = 0.001,
) -> list[bytes]:
    """Return ``count`` bodies; hosts take turns, so ``count`` >= ``hosts`` names every host.

    Host ``i`` belongs to zone ``i % zones`` and to service ``(i // zones) % len(services)``.
    Customers follow a Zipf law with exponent 1.2; the share ``fault_share`` of the bodies are
    faults with status 500.
    """
    chance = np.random.default_rng((seed, 590))
    faults = (chance.random(count) < fault_share).tolist()
    customers = np.minimum(chance.zipf(1.2, count), 99_999).tolist()
    latencies = np.round(chance.exponential(20.0, count) + 0.001, 3).tolist()
    choices = chance.integers(0, 8, (2, count)).tolist()
    request_ids = chance.bytes(16 * count).hex()
    return [
        benchmark_body(
            host=f"i-{i % hosts:017x}",
            zone_id=f"use1-az{i % hosts % zones + 1}",
            service=services[i % hosts // zones % len(services)],
            operation=_BENCHMARK_OPERATIONS[choices[0][i] % len(_BENCHMARK_OPERATIONS)],
            customer=f"cust-{customers[i]:05d}",
            status=500 if faults[i] else _BENCHMARK_STATUSES[choices[1][i]],
            latency_ms=latencies[i],
            faults=int(faults[i]),
            request_id=request_ids[32 * i : 32 * i + 32],
        )
        for i in range(count)
    ]


def benchmark_events(
    bodies: list[bytes], count: int, start_ms: int, events_per_second: int
) -> Iterator[bytes]:
    """Yield ``count`` events, evenly spaced in time from ``start_ms``; bodies take turns."""
    width = len(bodies)
    for i in range(count):
        yield b"%b%013d%b" % (
            BENCHMARK_PREFIX,
            start_ms + i * 1000 // events_per_second,
            bodies[i % width],
        )
