"""The librdkafka client that reads bulk topics: its properties, and what its errors mean.

Measured on one Kafka 4.1 broker with 590-byte records: without a small ``fetch.queue.backoff.ms``
and a large ``queued.min.messages`` the client idles at a fifth of its speed; the cost of checking
CRCs is within the noise.
"""

from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaError

FETCH_WAIT_MS = 50
"""How long a broker may hold an empty fetch; a request for end offsets waits behind it."""

_TUNED: Mapping[str, object] = {
    "check.crcs": True,
    "fetch.queue.backoff.ms": 2,
    "fetch.wait.max.ms": FETCH_WAIT_MS,
    "max.partition.fetch.bytes": 1 << 20,
    "queued.min.messages": 1_000_000,
    "reconnect.backoff.max.ms": 1_000,
    # The error callback reports an outage once; librdkafka would print every attempt.
    "log_level": 2,
}

_FIXED: Mapping[str, object] = {
    "auto.offset.reset": "error",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
}

_HOPELESS = frozenset(
    {
        KafkaError._AUTHENTICATION,  # noqa: SLF001
        KafkaError._FATAL,  # noqa: SLF001
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.ILLEGAL_SASL_STATE,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
    }
)

_PASSING = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
        KafkaError._RESOLVE,  # noqa: SLF001
        KafkaError._SSL,  # noqa: SLF001
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._TRANSPORT,  # noqa: SLF001
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.UNKNOWN_LEADER_EPOCH,
    }
)


class BulkReadError(RuntimeError):
    """The bulk topics cannot be read any more, and the worker must stop with this error."""


def properties(
    client: Mapping[str, object],
    *,
    group: str,
    queued_kbytes: int,
    oauth: Callable[[str], tuple[str, float]] | None,
) -> dict[str, Any]:
    """Return the configuration: ``client`` overrides tuned values, fixed values override both.

    ``group`` only names the group of the user's read permission: this client neither joins it nor
    commits.
    """
    whole: dict[str, Any] = {
        **_TUNED,
        "group.id": group,
        "queued.max.messages.kbytes": queued_kbytes,
        **client,
        **_FIXED,
    }
    if oauth is not None:
        whole["oauth_cb"] = oauth
    return whole


def is_hopeless(error: KafkaError, *, of_partition: bool) -> bool:
    """Return whether an error is permanent, so that reading on would fail silently.

    An error of the client as a whole is transient unless known to be permanent; an error of a
    partition (a broken record batch, an unsupported codec) is permanent unless known to be
    transient.
    """
    if error.fatal() or error.code() in _HOPELESS:
        return True
    return of_partition and error.code() not in _PASSING
