"""Entry point: a Faust transport that reads bulk topics with librdkafka, and their channel."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import faust
from faust.events import Event
from faust.topics import Topic
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT, Message
from yarl import URL

from detector.kafka.bulk_transport.config import BulkConfig
from detector.kafka.bulk_transport.consumer import BulkConsumer
from detector.kafka.bulk_transport.positions import PartitionProgress

CHANNEL_DEPTH = 2
"""Batches queued for the agent: one in progress and the next."""


class BulkTransport(driver.Transport):
    """Faust's aiokafka transport with a reader thread for the bulk topics."""

    def __init__(self, url: list[URL], app: AppT, config: BulkConfig) -> None:
        super().__init__(url, app)
        self._config = config
        self._bulk: BulkConsumer | None = None

    @property
    def bulk_topics(self) -> frozenset[str]:
        """Topics that librdkafka reads."""
        return self._config.bulk_topics

    def create_consumer(self, callback: Any, **kwargs: Any) -> BulkConsumer:
        """Create the app's consumer."""
        self._bulk = BulkConsumer(
            self, callback=callback, loop=self.loop, config=self._config, **kwargs
        )
        return self._bulk

    async def prepare(self, *_args: object, **_kwargs: object) -> None:
        """Find the start offsets of the new assignment; connected to ``on_rebalance_complete``."""
        if self._bulk is not None:
            await self._bulk.prepare_bulk()

    def readings(self) -> dict[TP, PartitionProgress]:
        """Return position, end and counts since assignment, per assigned bulk partition."""
        return self._bulk.readings() if self._bulk is not None else {}

    def lag(self) -> dict[TP, int]:
        """Return how many offsets are not yet handed over, per assigned bulk partition.

        The end of the log is that of the newest fetch. While the reader waits for a slow agent, new
        records are counted only as fast as the agent takes batches.
        """
        return {tp: reading.lag for tp, reading in self.readings().items()}

    def committed(self) -> dict[TP, int]:
        """Return the committed offset per assigned bulk partition that has one."""
        return self._bulk.committed() if self._bulk is not None else {}


class BatchSchema(faust.Schema[None, Any]):
    """Passes the batch through: there is nothing to decode."""

    def compile(self, app: AppT, **_kwargs: Any) -> Callable[..., Awaitable[Event]]:
        """Return the decoder that a topic calls for each message."""
        create_event = app.create_event

        async def decode(message: Message, *, propagate: bool = False) -> Event:  # noqa: ARG001
            event = create_event(None, message.value, message.headers, message)
            return cast("Event", event)

        return decode


def install(app: faust.App, config: BulkConfig) -> BulkTransport:
    """Make ``app`` read ``config.bulk_topics`` in bulk; call it once, before the app starts.

    The agent must iterate ``stream.noack().events()`` and acknowledge each batch itself, in order
    per partition, when everything that depends on the batch is durable.
    """
    if app.started:
        raise RuntimeError("the app runs already: install the bulk transport before it starts")
    transport = BulkTransport(app.conf.broker_consumer, app, config)
    app.transport = transport
    app.on_rebalance_complete.connect(transport.prepare)
    return transport


def bulk_topic(app: faust.App, names: Sequence[str]) -> Topic:
    """Declare the bulk topics ``names`` as one channel for one agent; values are batches.

    Topics of different partition counts may share the channel, the agent and the app, because
    Faust's assignor groups topics by partition count. Raises ``ValueError`` for a name that the
    installed transport does not read in bulk.
    """
    transport = app.transport
    known = transport.bulk_topics if isinstance(transport, BulkTransport) else frozenset(names)
    strange = set(names) - known
    if strange:
        raise ValueError(f"{sorted(strange)} are no bulk topics: name them in BulkConfig")
    return Topic(
        app,
        topics=list(names),
        schema=BatchSchema(),
        key_serializer="raw",
        value_serializer="raw",
        maxsize=CHANNEL_DEPTH,
    )
