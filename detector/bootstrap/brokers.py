"""How the processes and commands reach the brokers: one way for each of the client libraries."""

from typing import Any

import faust.auth

from detector.kafka import aiokafka_repairs
from detector.kafka.kafka_security import (
    Security,
    aiokafka_client,
    faust_credentials,
    librdkafka_client,
)
from detector.settings import Settings


class Brokers:
    """Where the brokers are and how to talk to them; a password is read from its file once."""

    def __init__(self, settings: Settings) -> None:
        self._address = settings.broker
        self._security = Security(**settings.security.values())

    def aiokafka(self) -> dict[str, Any]:
        """Return the arguments of aiokafka's clients, all of which wait for a broker's name."""
        aiokafka_repairs.install()
        return aiokafka_client(self._address, self._security)

    def librdkafka(self) -> dict[str, Any]:
        """Return the connection properties of confluent-kafka's clients."""
        return librdkafka_client(self._address, self._security)

    def faust_credentials(self) -> faust.auth.Credentials | None:
        """Return Faust's ``broker_credentials``; ``None`` for a broker that asks for nothing."""
        return faust_credentials(self._security)
