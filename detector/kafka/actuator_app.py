"""The actuator process: consumes actions, writes acceptances and outcomes to the outcomes topic.

Law: on every assignment the outcomes topic is read to its end before an action is admitted. An
acceptance is durable and proven to be the first before the provider is called. The offset of an
action is committed after its last outcome.

Theory of operation: each acceptance carries a random token in a header. After writing it, the
journal is read up to it, and the token of the action's first acceptance decides. So an owner that
does not yet know that it lost its partition cannot start an action that another owner started.

Known limits: actions and outcomes are ordered in partition 0 alone. On SIGTERM a call in flight has
``grace_seconds``; then it is cancelled, and the next owner records it as interrupted. Everything
else under way (connecting, joining the group, reading the journal) is cancelled at once.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalGenerationError, RebalanceInProgressError

from detector.actuation.admission import REMEMBERED_IDS, Admission
from detector.actuation.ports import Executor
from detector.actuation.service import ActuationService, AlreadyAcceptedError
from detector.core.cloud_events import cloud_event_headers
from detector.core.notices import NoticeListener
from detector.core.steady_time import SteadyTime
from detector.core.topics import Topics
from detector.core.vocabulary import OutcomeState
from detector.decisions.actions import OUTCOME_SCHEMA, Outcome
from detector.decisions.budgets import BucketLimits
from detector.decisions.kill_switch import ControlView
from detector.kafka.partition_reader import PartitionReader, close_consumer

WRITER_HEADER = "detector.writer"
_FETCH_MS = 200
_METADATA_MS = 10_000
_CLOSE_SECONDS = 1.2
_CATCH_UP_SECONDS = 30.0
_LOST_ASSIGNMENT = (CommitFailedError, IllegalGenerationError, RebalanceInProgressError)

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


class _StoppedError(Exception):
    """The process must stop before the result it waited for."""


class ControlSource(Protocol):
    """Source of the kill switch."""

    def view(self, now: SteadyTime) -> ControlView:
        """Return the state of the kill switch as known at ``now``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ActuatorConfig:
    """``client``: aiokafka's connection settings; ``member_id``: unique and stable per process.

    A dead owner keeps the actions for at most ``session_timeout_seconds``.
    """

    topics: Topics
    member_id: str
    client: Mapping[str, Any] = field(repr=False)
    local_budget: BucketLimits = field(default_factory=lambda: BucketLimits(4.0, 1 / 300))
    session_timeout_seconds: float = 10.0
    grace_seconds: float = 4.0


class KafkaJournal:
    """The outcomes topic: every record is awaited when written, and acceptances are read back."""

    def __init__(self, topic: str, producer: AIOKafkaProducer, consumer: AIOKafkaConsumer) -> None:
        self._topic = topic
        self._producer = producer
        self._reader = PartitionReader(topic, consumer, poll_ms=_FETCH_MS)
        self._first_writer: dict[str, bytes] = {}

    async def read(self) -> list[Outcome]:
        """Return every readable outcome from the beginning to the end of the topic."""
        self._first_writer.clear()
        self._reader.assign()
        await self._reader.seek(None)
        outcomes: list[Outcome] = []
        # The owner before may still be writing, so the end is asked for before every fetch.
        while (records := await self._reader.fetch_before(await self._reader.end())) is not None:
            outcomes += self._decode_all(records)
        return outcomes

    async def append(self, outcome: Outcome, on_outcome: Callable[[Outcome], None]) -> None:
        """Write ``outcome``; ``AlreadyAcceptedError`` for an acceptance that is not the first."""
        token = secrets.token_hex(8).encode()
        headers = cloud_event_headers(
            event_id=f"{outcome.action_id}-{outcome.state.value}",
            event_type=OUTCOME_SCHEMA,
            source=f"/detector/actuate/{outcome.executor}",
            subject=outcome.target.key,
            at=outcome.at,
        )
        written = await self._producer.send_and_wait(
            self._topic,
            value=msgspec.json.encode(outcome),
            key=outcome.action_id.encode(),
            partition=0,
            headers=[*headers, (WRITER_HEADER, token)],
        )
        if outcome.state is not OutcomeState.ACCEPTED:
            return
        async with asyncio.timeout(_CATCH_UP_SECONDS):
            while await self._reader.position() <= written.offset:
                for read in self._decode_all(await self._reader.fetch()):
                    on_outcome(read)
        if self._first_writer.get(outcome.action_id) != token:
            raise AlreadyAcceptedError(
                f"action {outcome.action_id!r} was accepted by another owner"
            )

    def _decode_all(self, records: Iterable[ConsumerRecord[bytes, bytes]]) -> list[Outcome]:
        return [outcome for record in records if (outcome := self._decode(record)) is not None]

    def _decode(self, record: ConsumerRecord[bytes, bytes]) -> Outcome | None:
        try:
            outcome = msgspec.json.decode(record.value or b"", type=Outcome)
        except (msgspec.DecodeError, UnicodeDecodeError):
            log.warning("outcome_unreadable", topic=record.topic, offset=record.offset)
            return None
        if outcome.state is OutcomeState.ACCEPTED:
            token = dict(record.headers).get(WRITER_HEADER, b"")
            self._first_writer.setdefault(outcome.action_id, token)
            if len(self._first_writer) > REMEMBERED_IDS:
                del self._first_writer[next(iter(self._first_writer))]
        return outcome


class _Assignments(ConsumerRebalanceListener):  # type: ignore[misc]
    """Counts assignments, so that the loop knows when to read the journal again."""

    def __init__(self) -> None:
        self.count = 0
        self.owned: set[TopicPartition] = set()

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Remove ``revoked`` from the owned partitions."""
        self.owned = self.owned - revoked

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Count the assignment and own ``assigned``."""
        self.count += 1
        self.owned = set(assigned)


async def run_actuator(
    config: ActuatorConfig,
    *,
    executor: Executor,
    control: ControlSource,
    clock: Callable[[], SteadyTime],
    stop: asyncio.Event,
    notify: NoticeListener = lambda _: None,
    on_ready: Callable[[], None] = lambda: None,
    crash_point: Callable[[str], None] = lambda _: None,
) -> None:
    """Carry out actions until ``stop`` is set; raises if an outcome cannot be written."""
    assignments = _Assignments()

    async def take_over(journal: KafkaJournal) -> ActuationService:
        service = ActuationService(
            admission=Admission(await journal.read(), budget=config.local_budget),
            executor=executor,
            journal=journal,
            control=lambda: control.view(clock()),
            clock=clock,
            notify=notify,
            crash_point=crash_point,
        )
        left = await service.start()
        log.info("ready", role="actuator", executor=executor.name, interrupted=len(left))
        on_ready()
        return service

    with contextlib.suppress(_StoppedError):
        async with _clients(config, stop) as (actions, journal):
            actions.subscribe([config.topics.actions], listener=assignments)
            served, service = 0, None
            while not stop.is_set():
                fetching = actions.getmany(timeout_ms=_FETCH_MS, max_records=1)
                batches = await _unless(stop, fetching)
                if assignments.count != served and assignments.owned:
                    served = assignments.count
                    service = await _unless(stop, take_over(journal))
                for partition, records in batches.items():
                    for record in records:
                        if service is None or partition not in assignments.owned:
                            continue
                        if await _handle(service, record, stop, config.grace_seconds):
                            await _commit(actions, partition, record.offset + 1)
    log.info("stopped", role="actuator")


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result:
    """Await ``work``; if ``stop`` is set first, cancel it and raise ``_StoppedError``."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise _StoppedError
        return working.result()
    finally:
        working.cancel()
        stopping.cancel()
        await asyncio.wait({working, stopping})


async def _handle(
    service: ActuationService,
    record: ConsumerRecord[bytes, bytes],
    stop: asyncio.Event,
    grace_seconds: float,
) -> bool:
    """Carry out one action; return false if it was cancelled because the process must stop."""
    work = asyncio.create_task(service.handle(record.value or b""))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        done, _ = await asyncio.wait({work}, timeout=grace_seconds)
    finally:
        stopping.cancel()
        if not work.done():
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work
    if not done:
        log.warning("cut_off", role="actuator", offset=record.offset)
        return False
    outcome = work.result()
    if outcome is None:
        log.info("action_ignored", offset=record.offset, unreadable=service.unreadable)
    return True


async def _commit(consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> None:
    try:
        await consumer.commit({partition: offset})
    except _LOST_ASSIGNMENT as error:
        # The next owner reads the action again and finds its outcome in the journal.
        log.warning("commit_lost", role="actuator", error=type(error).__name__)


@contextlib.asynccontextmanager
async def _clients(
    config: ActuatorConfig, stop: asyncio.Event
) -> AsyncIterator[tuple[AIOKafkaConsumer, KafkaJournal]]:
    session_ms = round(config.session_timeout_seconds * 1000)
    group = {
        "group_id": f"{config.topics.app_id}-actuator",
        "group_instance_id": config.member_id,
        "session_timeout_ms": session_ms,
        "heartbeat_interval_ms": max(1, session_ms // 4),
        "metadata_max_age_ms": _METADATA_MS,
    }
    async with contextlib.AsyncExitStack() as open_clients:
        producer = AIOKafkaProducer(acks="all", **config.client)
        open_clients.push_async_callback(producer.stop)
        await _unless(stop, producer.start())
        consumers = []
        for settings in ({}, group):
            consumer = AIOKafkaConsumer(
                enable_auto_commit=False, auto_offset_reset="earliest", **config.client, **settings
            )
            open_clients.push_async_callback(_close, consumer)
            await _unless(stop, consumer.start())
            consumers.append(consumer)
        tail, actions = consumers
        yield actions, KafkaJournal(config.topics.outcomes, producer, tail)


async def _close(consumer: AIOKafkaConsumer) -> None:
    # Stopping waits for a join under way, which lasts until the broker has waited for all members.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(close_consumer(consumer), _CLOSE_SECONDS)
