"""The embedded broker as tests use it: the adapter itself, nothing added."""

from detector.kafka.embedded_broker import EmbeddedBroker, EmbeddedBrokerError, find_binary

__all__ = ["EmbeddedBroker", "EmbeddedBrokerError", "find_binary", "missing_parts"]


def missing_parts() -> list[str]:
    """Name what the embedded broker lacks on this machine; empty when it can start."""
    try:
        find_binary()
    except EmbeddedBrokerError as error:
        return [str(error)]
    return []
