"""A stage for the actuator and the control log on a broker: topics, a sender, a reader."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from detector.core.steady_time import SteadyTime
from detector.core.topics import Topics
from detector.core.vocabulary import OutcomeState
from detector.decisions.actions import Action, Outcome
from detector.decisions.kill_switch import ControlView
from detector.kafka.actuator_app import ActuatorConfig, run_actuator
from tests.support.deciding import OFF, action
from tests.support.durable import CountingExecutor, Crash
from tests.support.waiting import GENEROUS_SECONDS


def now() -> SteadyTime:
    return SteadyTime(time.time(), time.monotonic())


def fresh(action_id: str, **changed: Any) -> Action:
    wall = time.time()
    times = {"requested_at": wall, "not_before": wall, "expires_at": wall + 300.0}
    return action(action_id, **(times | changed))


class Switch:
    """A kill switch that the test turns."""

    def __init__(self, view: ControlView = OFF) -> None:
        self.now = view

    def view(self, now: SteadyTime) -> ControlView:
        assert now.wall > 0
        return self.now


class Stage:
    """Topics of one test, with a producer for actions and a reader of outcomes."""

    def __init__(self, broker: str, prefix: str) -> None:
        self.topics = Topics(prefix)
        self.client: dict[str, Any] = {"bootstrap_servers": broker}
        self.executor = CountingExecutor()
        self.switch = Switch()
        self.outcomes: list[Outcome] = []

    async def __aenter__(self) -> Self:
        admin = AIOKafkaAdminClient(**self.client)
        await admin.start()
        names = (self.topics.actions, self.topics.outcomes, self.topics.control)
        await admin.create_topics([NewTopic(name, 1, 1) for name in names])
        await admin.close()
        self.producer = AIOKafkaProducer(acks="all", **self.client)
        self.reader = AIOKafkaConsumer(auto_offset_reset="earliest", **self.client)
        await self.producer.start()
        await self.reader.start()
        only = TopicPartition(self.topics.outcomes, 0)
        self.reader.assign([only])
        await self.reader.seek_to_beginning(only)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.reader.stop()
        await self.producer.stop()

    async def send(self, of: Action | bytes) -> None:
        value = of if isinstance(of, bytes) else msgspec.json.encode(of)
        await self.producer.send_and_wait(self.topics.actions, value=value, key=b"target")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Read outcomes until ``condition`` holds."""
        async with asyncio.timeout(GENEROUS_SECONDS):
            while not condition():
                for records in (await self.reader.getmany(timeout_ms=100)).values():
                    for record in records:
                        outcome = msgspec.json.decode(record.value or b"", type=Outcome)
                        assert record.key == outcome.action_id.encode()
                        assert dict(record.headers)["ce_type"] == b"detector.outcome.v1"
                        self.outcomes.append(outcome)

    def states(self, action_id: str) -> list[OutcomeState]:
        return [o.state for o in self.outcomes if o.action_id == action_id]

    def has(self, action_id: str, state: OutcomeState) -> Callable[[], bool]:
        return lambda: state in self.states(action_id)

    @asynccontextmanager
    async def actuator(
        self, member: str = "one", crash: Callable[[str], None] = lambda _: None
    ) -> AsyncIterator[asyncio.Task[None]]:
        """Run an actuator until the block ends; what it died of shows unless it is a ``Crash``."""
        stop, ready = asyncio.Event(), asyncio.Event()
        config = ActuatorConfig(
            topics=self.topics, member_id=member, client=self.client, session_timeout_seconds=2.0
        )
        work: Awaitable[None] = run_actuator(
            config,
            executor=self.executor,
            control=self.switch,
            clock=now,
            stop=stop,
            on_ready=ready.set,
            crash_point=crash,
        )
        task = asyncio.ensure_future(work)
        try:
            async with asyncio.timeout(GENEROUS_SECONDS):
                await asyncio.wait(
                    {task, asyncio.ensure_future(ready.wait())}, return_when="FIRST_COMPLETED"
                )
            yield task
        finally:
            stop.set()
            with suppress(Crash):
                await task
