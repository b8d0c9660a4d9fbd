"""Two answers of a broker that aiokafka 0.14 takes for a success, told for what they are.

**A cluster that names no broker.** Kafka's list of brokers is empty while its controller holds
them all to be gone: at its start, and for a moment after the machine stood still for longer than
``broker.session.timeout.ms`` (9 s). aiokafka then asks nobody for metadata any more, or its group
ends with "Did we not perform bootstrap?". Of 11 workers started while a broker stood still for
11 s, 2 hung for good.

**A refused OAUTHBEARER token.** The broker says so in a challenge (RFC 7628, 3.2.2) and waits for
the client to give up. aiokafka goes on, and is told "IllegalSaslState" by whatever it asks next.

Both are mended in aiokafka's classes, because Faust creates its clients by itself.
"""

import asyncio
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection, OAuthAuthenticator
from aiokafka.errors import KafkaConnectionError, SaslAuthenticationFailed

MAX_WAIT_SECONDS = 30.0
"""Longest wait for a cluster that answers to name a broker; a restart of Kafka is shorter."""

PAUSE_SECONDS = 0.2

_LIBRARY_BOOTSTRAP = AIOKafkaClient.bootstrap


def install() -> None:
    """Mend every aiokafka client of this process; may be called again."""
    AIOKafkaClient.bootstrap = _bootstrap
    AIOKafkaConnection.authenticator_oauth = _authenticator


async def _bootstrap(client: Any) -> None:
    """Connect as aiokafka does, again and again until the answer names a broker.

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
    """Close the connections of a contact that named no broker."""
    connections = list(client._conns.values())  # noqa: SLF001 - pinned by its test
    client._conns.clear()  # noqa: SLF001 - pinned by its test
    await asyncio.gather(*(connection.close() for connection in connections if connection))


class _Authenticator(OAuthAuthenticator):  # type: ignore[misc]
    """Sends the token, and takes any challenge after it for the refusal that it is."""

    async def step(self, payload: bytes | None) -> tuple[bytes, bool] | None:
        """Return what to send next and whether an answer comes; ``None`` when accepted."""
        if payload:
            answer = payload.decode(errors="backslashreplace")
            raise SaslAuthenticationFailed(f"the broker refused the token: {answer}")
        sent: tuple[bytes, bool] | None = await super().step(payload)
        return sent


def _authenticator(connection: Any) -> _Authenticator:
    provider = connection._sasl_oauth_token_provider  # noqa: SLF001 - pinned by its test
    return _Authenticator(sasl_oauth_token_provider=provider)
