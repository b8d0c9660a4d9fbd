"""Fixes two failures that aiokafka 0.14 takes for a success.

**Metadata without a broker.** Kafka returns an empty list of brokers while its controller considers
all of them dead: at start, and briefly after the machine was paused for longer than
``broker.session.timeout.ms`` (9 s). aiokafka then never requests metadata again, or its group fails
with "Did we not perform bootstrap?". Of 11 workers started while a broker was paused for 11 s,
2 hung for good.

**A refused OAUTHBEARER token.** The broker reports it in a challenge (RFC 7628, 3.2.2) and waits
for the client to give up. aiokafka goes on, and its next request fails with "IllegalSaslState".

Both are patched in aiokafka's classes, because Faust creates its own clients.
"""

import asyncio
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection, OAuthAuthenticator
from aiokafka.errors import KafkaConnectionError, SaslAuthenticationFailed

MAX_WAIT_SECONDS = 30.0
"""Longest wait for metadata that names a broker; a restart of Kafka takes less."""

PAUSE_SECONDS = 0.2

_LIBRARY_BOOTSTRAP = AIOKafkaClient.bootstrap


def install() -> None:
    """Patch every aiokafka client of this process; may be called repeatedly."""
    AIOKafkaClient.bootstrap = _bootstrap
    AIOKafkaConnection.authenticator_oauth = _authenticator


async def _bootstrap(client: Any) -> None:
    """Connect as aiokafka does, and retry until the metadata names a broker.

    Raises ``KafkaConnectionError`` when no broker answers, or none is named in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + MAX_WAIT_SECONDS
    await _LIBRARY_BOOTSTRAP(client)
    while not client.cluster.brokers():
        if loop.time() >= deadline:
            await client.close()
            raise KafkaConnectionError(
                f"{client.hosts} answered for {MAX_WAIT_SECONDS:.0f} s without naming a broker: "
                "its controller holds all brokers to be gone"
            )
        await asyncio.sleep(PAUSE_SECONDS)
        await _leave(client)
        await _LIBRARY_BOOTSTRAP(client)


async def _leave(client: Any) -> None:
    """Close the connections over which no broker was named."""
    connections = list(client._conns.values())  # noqa: SLF001 - pinned by its test
    client._conns.clear()  # noqa: SLF001 - pinned by its test
    await asyncio.gather(*(connection.close() for connection in connections if connection))


class _Authenticator(OAuthAuthenticator):  # type: ignore[misc]
    """Sends the token and treats any challenge after it as a refusal."""

    async def step(self, payload: bytes | None) -> tuple[bytes, bool] | None:
        """Return the next message and whether an answer follows; ``None`` when accepted."""
        if payload:
            answer = payload.decode(errors="backslashreplace")
            raise SaslAuthenticationFailed(f"the broker refused the token: {answer}")
        sent: tuple[bytes, bool] | None = await super().step(payload)
        return sent


def _authenticator(connection: Any) -> _Authenticator:
    provider = connection._sasl_oauth_token_provider  # noqa: SLF001 - pinned by its test
    return _Authenticator(sasl_oauth_token_provider=provider)
