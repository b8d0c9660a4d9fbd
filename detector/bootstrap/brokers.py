"""How the processes and commands reach the brokers: one way for each of the client libraries."""

from typing import Any

from detector.adapters import aiokafka_repairs
from detector.adapters.kafka_security import Security, aiokafka_client, librdkafka_client
from detector.settings import Settings


def security_of(settings: Settings) -> Security:
    """Return how to talk to the brokers, with the password read from its file."""
    return Security(**settings.security.values())


def aiokafka_of(settings: Settings) -> dict[str, Any]:
    """Return the arguments of aiokafka's clients, all of which wait for a broker to be named."""
    aiokafka_repairs.install()
    return aiokafka_client(settings.broker, security_of(settings))


def librdkafka_of(settings: Settings) -> dict[str, Any]:
    """Return the connection properties of confluent-kafka's clients."""
    return librdkafka_client(settings.broker, security_of(settings))
