"""Connection properties of the brokers for each client library."""

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
    """Addresses and security of the brokers; a password file is read once."""

    def __init__(self, settings: Settings) -> None:
        self._address = settings.broker
        self._security = Security(**settings.security.values())

    def aiokafka(self) -> dict[str, Any]:
        """Return the arguments of aiokafka's clients, repaired to wait until a broker is named."""
        aiokafka_repairs.install()
        return aiokafka_client(self._address, self._security)

    def librdkafka(self) -> dict[str, Any]:
        """Return the connection properties of confluent-kafka's clients."""
        return librdkafka_client(self._address, self._security)

    def faust_credentials(self) -> faust.auth.Credentials | None:
        """Return Faust's ``broker_credentials``; ``None`` for a broker without authentication."""
        return faust_credentials(self._security)
