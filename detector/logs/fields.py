"""Which members of a log record hold host, zone, fault and so on, with defaults."""

from dataclasses import dataclass, field
from enum import StrEnum


class LatencyUnit(StrEnum):
    """Unit of the latency field."""

    MICROSECONDS = "microseconds"
    MILLISECONDS = "milliseconds"
    SECONDS = "seconds"


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """Names of root members, best first; the first that is present wins.

    A name may be a path (``a.b``, ``$.a.b``). ``fault`` is a count of faults; without it, a
    ``status`` >= 500 is one fault. ``requests`` is for hosts that log pre-aggregated rows.
    ``event_id`` enables deduplication. ``numeric_strings`` allows numbers written as text.
    """

    host: tuple[str, ...] = (
        "InstanceId", "instanceId", "instance_id", "host", "Host", "hostname", "Hostname", "HostId",
        "host.name", "k8s.node.name", "privateIp", "privateIP",
    )  # fmt: skip
    zone_id: tuple[str, ...] = (
        "AZ-ID", "az_id", "azId", "AZID", "zone_id", "zoneId", "availabilityZoneId",
    )  # fmt: skip
    zone_name: tuple[str, ...] = (
        "availabilityZone", "AZ", "az", "availability_zone", "AvailabilityZone", "zone",
        "cloud.availability_zone",
    )  # fmt: skip
    service: tuple[str, ...] = ("Service", "service", "ServiceName", "service.name", "service_name")
    caller: tuple[str, ...] = (
        "Caller", "caller", "Customer", "customer", "CustomerId", "customerId", "ClientId",
        "clientId",
    )  # fmt: skip
    status: tuple[str, ...] = (
        "Status", "status", "StatusCode", "statusCode", "HttpStatusCode", "HttpResponseCode",
        "status_code",
    )  # fmt: skip
    fault: tuple[str, ...] = ("Faults", "faults", "Fault", "fault")
    latency: tuple[str, ...] = ("Latency", "latency", "SuccessLatency", "Duration", "duration")
    connection_failure: tuple[str, ...] = (
        "ConnectionFailures", "connectionFailures", "ConnectionFailure", "connection_failures",
    )  # fmt: skip
    requests: tuple[str, ...] = ("Requests", "requests")
    time: tuple[str, ...] = ("@timestamp", "timestamp", "time", "ts")
    event_id: tuple[str, ...] = ()
    default_service: str = "default"
    latency_unit: LatencyUnit = LatencyUnit.MILLISECONDS
    slow_threshold_ms: float = 1000.0
    slow_threshold_ms_by_service: dict[str, float] = field(default_factory=dict)
    numeric_strings: bool = False


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """Limits of the decoder: bytes, nesting, wrappings, events per record, characters of a key."""

    record_bytes: int = 1_048_576
    nesting: int = 32
    unwrap_depth: int = 3
    events_per_record: int = 10_000
    key_characters: int = 256
