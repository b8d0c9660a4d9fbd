"""The Faust app: three agents and their timers, connected to the services.

Law: no exception leaves an agent, because Faust would acknowledge the event and lose it. An error
that a service cannot survive (the broker did not take a record) ends the process at once; all
state is in the log, so a restart is exact.

Faust owns the group, assignment, commits, rebalance and changelogs. Acks are late and in order:
every stream is ``noack``, and an event is acknowledged when its service releases it. A rebalance
may lose fetched records of our own topics, so ``ReadingOrder`` checks their offsets, and after a
gap the consumer seeks back.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import faust
import structlog
from faust.types import TP

from detector.core.steady_time import SteadyTime
from detector.core.topics import Topics
from detector.decisions.kill_switch import ControlView
from detector.decisions.service import DecisionService
from detector.detection.alarms import AlarmChange, decode_change
from detector.detection.service import EvaluationService
from detector.ingest.tallying import TallyService
from detector.kafka.reading_order import ReadingOrder, ReadStep

log = structlog.get_logger("detector.worker")

EXIT_FATAL = 70
"""Exit status when the worker stopped because it could not be exact any longer (EX_SOFTWARE)."""

GATHER_SECONDS = 0.05
"""How long alarm changes are gathered, so that the worst of one slide is decided first."""

MAX_WAIT_CHECK_SECONDS = 0.5
RECONSIDER_CHECK_SECONDS = 1.0


def fatal(what: str, error: BaseException) -> None:
    """Log the error and end the process without committing.

    A restart replays what was not acknowledged.
    """
    log.critical("stopped", what=what, error=repr(error))
    os._exit(EXIT_FATAL)


class Agents:
    """The three agents of one worker."""

    def __init__(
        self,
        app: faust.App,
        topics: Topics,
        *,
        tally: TallyService[Any],
        evaluation: EvaluationService[Any],
        decisions: DecisionService,
        control: Callable[[], ControlView],
        now: Callable[[], float],
        steady: Callable[[], SteadyTime],
    ) -> None:
        self._app = app
        self._topics = topics
        self._tally = tally
        self._evaluation = evaluation
        self._decisions = decisions
        self._control = control
        self._now = now
        self._steady = steady
        self._begun: SteadyTime | None = None
        self._decides = False
        self.ready = False
        """Whether this worker has its partitions and has recovered their state."""
        # Number of revocations: work that started under an older number must not take over.
        self._generation = 0
        self._order = ReadingOrder()
        self._changes: list[tuple[Any, AlarmChange | None]] = []
        self._changed = asyncio.Event()
        self._lock = asyncio.Lock()

    def declare(self, log_topics: Iterable[Any]) -> None:
        """Attach agents and timers to the app; ``log_topics`` are the bulk topics."""
        app = self._app
        for number, topic in enumerate(log_topics):
            app.agent(topic, name=f"tally-{number}")(self._run_tally)
        tallies = app.topic(
            self._topics.tallies, key_type=bytes, value_type=bytes,
            key_serializer="raw", value_serializer="raw", partitions=self._topics.tally_partitions,
        )  # fmt: skip
        alarms = app.topic(
            self._topics.alarms, key_type=bytes, value_type=bytes,
            key_serializer="raw", value_serializer="raw", partitions=1,
        )  # fmt: skip
        app.agent(tallies, name="evaluate")(self._run_evaluate)
        app.agent(alarms, name="decide")(self._run_decide)
        app.timer(MAX_WAIT_CHECK_SECONDS)(self._close_overdue)
        app.timer(RECONSIDER_CHECK_SECONDS)(self._reconsider)
        app.task(self._decide_gathered)
        app.on_partitions_revoked.connect(self._on_revoked, weak=False)  # type: ignore[arg-type]
        app.on_rebalance_complete.connect(self._on_assigned, weak=False)

    @property
    def decides(self) -> bool:
        """Whether this worker is the decider."""
        return self._decides

    async def end_of_log(self, topic: str, partition: int, next_offset: int) -> None:
        """Let an idle partition close panes, on proof that its log ended at ``next_offset``."""
        await self._guarded(
            "tally", self._tally.end_of_log(topic, partition, next_offset, self._steady_now())
        )
        self._release_batches(topic, partition)

    def _steady_now(self) -> float:
        # A jump ahead would close panes whose events have yet to arrive, and lose them as late.
        reading = self._steady()
        self._begun = self._begun or reading
        return min(reading.wall, self._begun.wall + reading.monotonic - self._begun.monotonic)

    @staticmethod
    async def _guarded(what: str, work: Awaitable[Any]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001
            fatal(what, error)

    async def _run_tally(self, stream: Any) -> None:
        async for event in stream.noack().events():
            batch = event.value
            await self._guarded(
                "tally",
                self._tally.apply(
                    batch.topic, batch.partition, batch.messages, batch.last_offset + 1, event
                ),
            )
            batch.messages = []
            self._release_batches(batch.topic, batch.partition)

    def _release_batches(self, topic: str, partition: int) -> None:
        for event in self._tally.release(topic, partition):
            event.ack()

    async def _run_evaluate(self, stream: Any) -> None:
        async for event in stream.noack().events():
            if await self._is_next(event):
                await self._guarded("evaluate", self._evaluate(event))

    async def _is_next(self, event: Any) -> bool:
        """Return whether the event is the next of its partition; after a gap, seek back."""
        message = event.message
        source = (message.topic, message.partition)
        step = self._order.step_for(source, message.offset)
        if step is ReadStep.GO_BACK:
            wanted = self._order.expected(source)
            log.warning("gap", place=source, found=message.offset, expected=wanted)
            await self._app.consumer.seek(TP(*source), wanted)
        return step is ReadStep.TAKE

    async def _evaluate(self, event: Any) -> None:
        partition = event.message.partition
        await self._own(partition, self._generation)
        await self._evaluation.apply(partition, event.value, event, self._now())
        self._release_tallies(partition)

    def _release_tallies(self, partition: int) -> None:
        for event in self._evaluation.release(partition):
            event.ack()

    async def _own(self, partition: int, generation: int) -> None:
        async with self._lock:
            is_ours = generation == self._generation
            if is_ours and partition not in self._evaluation.partitions:
                await self._evaluation.assigned(partition)

    async def _close_overdue(self) -> None:
        for partition in self._evaluation.partitions:
            await self._guarded("evaluate", self._evaluation.advance(partition, self._now()))
            self._release_tallies(partition)

    async def _run_decide(self, stream: Any) -> None:
        async for event in stream.noack().events():
            if await self._is_next(event):
                self._changes.append((event, self._read_change(event)))
                self._changed.set()

    @staticmethod
    def _read_change(event: Any) -> AlarmChange | None:
        try:
            return decode_change(event.value)
        except (ValueError, TypeError) as error:
            # Only our own evaluator writes here; an unreadable change can lead to no action.
            log.warning("alarm change unreadable", error=str(error), offset=event.message.offset)
            return None

    async def _decide_gathered(self) -> None:
        while not self._app.should_stop:
            await self._changed.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._changed.clear()
            gathered, self._changes = self._changes, []
            if gathered:
                await self._guarded("decide", self._decide(gathered, self._generation))

    async def _decide(
        self, gathered: list[tuple[Any, AlarmChange | None]], generation: int
    ) -> None:
        await self._become_decider(generation)
        if not self._decides or generation != self._generation:
            return
        await self._decisions.apply(
            [change for _, change in gathered if change is not None],
            offset=gathered[-1][0].message.offset,
            now=self._steady(),
            control=self._control(),
        )
        for event, _ in gathered:
            event.ack()

    async def _become_decider(self, generation: int) -> None:
        async with self._lock:
            if self._decides or generation != self._generation:
                return
            await self._decisions.recover()
            # Recovery takes a while, and the partition may be revoked in the meantime.
            self._decides = generation == self._generation
            log.info("decider", epoch=self._decisions.epoch, kept=self._decides)

    async def _reconsider(self) -> None:
        if self._decides:
            await self._guarded("decide", self._decisions.tick(self._steady(), self._control()))

    async def _on_revoked(
        self, _: Any, revoked: Iterable[tuple[str, int]] = (), **_kwargs: Any
    ) -> None:
        self.ready = False
        self._generation += 1
        for topic, partition in revoked:
            self._order.end((topic, partition))
            if topic == self._topics.tallies:
                self._evaluation.revoked(partition)
            elif topic == self._topics.alarms:
                self._decides = False
                self._changes.clear()

    async def _on_assigned(self, *_: Any, **_kwargs: Any) -> None:
        generation = self._generation
        await self._seek_to_starts()
        assigned = [(tp.topic, tp.partition) for tp in self._app.consumer.assignment()]
        for topic, partition in assigned:
            if topic == self._topics.tallies:
                await self._guarded("evaluate", self._own(partition, generation))
            elif topic == self._topics.alarms:
                await self._guarded("decide", self._become_decider(generation))
        if generation != self._generation:
            return
        self.ready = True
        log.info(
            "ready",
            partitions=sorted(f"{topic}/{partition}" for topic, partition in assigned),
        )

    async def _seek_to_starts(self) -> None:
        # Without a commit Faust resumes after its last fetch, and drops the records of that fetch.
        consumer: Any = self._app.consumer
        ours = {self._topics.tallies, self._topics.alarms}
        found = await consumer.seek_to_committed()
        committed = {tp: offset for tp, offset in found.items() if tp.topic in ours}
        fresh = [tp for tp, offset in committed.items() if not offset]
        # One request for all: each waits behind the fetch under way, up to 1.5 s.
        earliest = await consumer.earliest_offsets(*fresh) if fresh else {}
        for tp, offset in committed.items():
            begin = offset or earliest.get(tp) or 0
            self._order.begin((tp.topic, tp.partition), begin)
            if not offset:
                await consumer.seek(tp, begin)
