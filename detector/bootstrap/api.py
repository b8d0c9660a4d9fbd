"""Composition root of the API: history, rules, handlers and the HTTP server.

The API runs in a process of its own because it is the only one with external clients. It has its
own file, its own port and the fewest rights: it reads reports and the control topic, writes the
control topic and the topics of its own alarms, and can write neither actions nor decisions. When it
is down, counting, alarms and actions continue.
"""

import asyncio
import signal
import uuid
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka.errors import KafkaConnectionError

from detector.bootstrap.alarm_engine import AlarmEngine, metric_alarms, recent_metrics
from detector.bootstrap.api_parts import ApiParts, operations, rule_admin, store_config
from detector.bootstrap.brokers import Brokers
from detector.bootstrap.common import EXIT_UNREACHABLE, Telemetry, steady
from detector.bootstrap.live_rules import followed_rules
from detector.bootstrap.metric_alarm_metrics import MetricAlarmMetrics
from detector.cloudwatch.alarms.service import MetricAlarms, counts_of
from detector.cloudwatch.api import Access, Api, ApiMetrics, ApiServer, KeyRing
from detector.cloudwatch.history import ReportMetrics, ReportReader, ReportStore
from detector.cloudwatch.history.follower import HistorySettings
from detector.cloudwatch.metrics.closed_windows import ClosedWindow
from detector.core.notices import HistoryTroubled, Notice, TallyingHeld
from detector.core.steady_time import SteadyTime
from detector.core.vocabulary import HistoryTrouble
from detector.kafka.control_log import ControlLog
from detector.kafka.publisher import KafkaPublisher
from detector.settings import Settings
from detector.telemetry.clock import Clock
from detector.telemetry.health_server import HealthServer
from detector.telemetry.logs import configure_logging

log = structlog.get_logger("detector.api")

_CATCH_UP_SECONDS = 60.0


class ApiProcess:
    """One process of the API: build it in a running loop, then ``run``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock = Clock()
        self._telemetry = Telemetry(settings, self._clock)
        self._client = Brokers(settings).aiokafka()
        self._topics = settings.topic_names()
        self._rules = followed_rules(settings, self._steady, self._notify)
        self._control = ControlLog(
            self._topics.control, client=self._client, clock=self._steady, listener=self._rules
        )
        self._publisher = KafkaPublisher(self._client, client_id=f"{settings.worker_id}-api")
        self._access = Access(KeyRing(settings.api.secrets()), region=settings.api.aws_region)
        self._alarms: AlarmEngine | None = None
        self._caught_up = False
        self._health = HealthServer(
            host=settings.telemetry.metrics_host,
            port=settings.telemetry.metrics_port,
            registry=self._telemetry.metrics.registry,
            readiness=self._readiness,
            monotonic=self._clock.monotonic,
            stalled_seconds=settings.telemetry.stalled_seconds,
        )

    def _steady(self) -> SteadyTime:
        return steady(self._clock)

    def _notify(self, notice: Notice) -> None:
        # This process tallies nothing; readiness shows that it waits for the rules.
        if not isinstance(notice, TallyingHeld):
            self._telemetry(notice)

    def _readiness(self) -> Mapping[str, tuple[bool, str]]:
        rules, history = self._rules.is_settled, self._caught_up
        return {
            "broker": (rules, "control topic read" if rules else "control topic not read just now"),
            "history": (history, "reports read to their end" if history else "reading reports"),
        }

    def _open_store(self, stack: AsyncExitStack) -> ReportStore:
        store = ReportStore(
            store_config(self._settings),
            on_set_aside=lambda why: self._telemetry(
                HistoryTroubled(HistoryTrouble.FILE_SET_ASIDE, why)
            ),
        )
        stack.callback(store.close)
        return store

    def _follower(self, store: ReportStore) -> ReportReader:
        return ReportReader(
            store,
            HistorySettings(self._topics.reports, self._client),
            now=self._clock.now,
            notify=self._telemetry,
            on_window=self._on_window,
        )

    def _on_window(self, window: ClosedWindow) -> None:
        if self._alarms is not None:
            self._alarms.on_window(window)

    def _engine(
        self, metrics: ReportMetrics, store: ReportStore, follower: ReportReader
    ) -> tuple[MetricAlarms, AlarmEngine]:
        recent = recent_metrics(metrics, store)
        alarms = metric_alarms(self._settings, self._client, recent, store)
        show = MetricAlarmMetrics(self._telemetry.metrics.registry)
        self._alarms = AlarmEngine(
            alarms,
            recent,
            partitions=range(self._topics.tally_partitions),
            through_ms=follower.through_ms,
            now=self._clock.now,
            on_round=lambda well: show(counts_of(alarms) if well else None),
        )
        return alarms, self._alarms

    def _server(self, parts: ApiParts) -> ApiServer:
        section, answering = self._settings.api, operations(parts)
        api = Api(
            answering,
            access=self._access,
            clock=lambda: datetime.fromtimestamp(self._clock.now(), UTC),
            monotonic=self._clock.monotonic,
            new_id=lambda: str(uuid.uuid4()),
            notify=ApiMetrics(self._telemetry.metrics.registry, answering),
            request_seconds=section.request_seconds,
            requests_at_once=section.requests_at_once,
        )
        return ApiServer(
            api,
            self._access,
            host=section.host,
            port=section.port,
            request_bytes=section.request_kibibytes * 1024,
        )

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with AsyncExitStack() as stack:
            stack.callback(self._telemetry.logs.flush)
            await self._publisher.start()
            stack.push_async_callback(self._publisher.stop)
            await self._control.start()
            stack.push_async_callback(self._control.stop)
            await self._health.start()
            stack.push_async_callback(self._health.stop)
            await self._serve(stop, stack)

    async def _serve(self, stop: asyncio.Event, stack: AsyncExitStack) -> None:
        store = self._open_store(stack)
        follower = self._follower(store)
        metrics = ReportMetrics(store, follower.through_ms)
        alarms, engine = self._engine(metrics, store, follower)
        await follower.start()
        stack.push_async_callback(follower.stop)
        admin = rule_admin(self._settings, self._publisher, self._rules)
        parts = ApiParts(
            settings=self._settings,
            store=store,
            metrics=metrics,
            rules=self._rules,
            admin=admin,
            alarms=alarms,
            now=self._clock.now,
        )
        server = self._server(parts)
        log.info("started", metrics_port=self._health.port, role="api")
        reading = asyncio.create_task(self._catch_up(follower), name="catch-up")
        stack.callback(reading.cancel)
        stack.push_async_callback(engine.stop)
        if await unless(stop, self._rules.settled()) and await unless(stop, engine.start()):
            await server.start()
            stack.push_async_callback(server.stop)
            signed, host = self._access.asks_for_keys, self._settings.api.host
            log.info("ready", api_port=server.port, host=host, signed=signed)
            await stop.wait()

    async def _catch_up(self, follower: ReportReader) -> None:
        while not self._caught_up:
            self._caught_up = await follower.wait_caught_up(_CATCH_UP_SECONDS)


async def unless(stop: asyncio.Event, waiting: Coroutine[Any, Any, None]) -> bool:
    """Wait for ``waiting`` or ``stop``; return whether ``waiting`` finished.

    Raises what ``waiting`` raised.
    """
    tasks = [asyncio.create_task(waiting), asyncio.create_task(stop.wait())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    ended = tasks[0].done()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if ended:
        tasks[0].result()
    return ended


def run_api_process(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; return the exit status."""
    configure_logging(settings.telemetry.log_level, settings.telemetry.log_format)
    try:
        asyncio.run(_run(settings))
    except KafkaConnectionError as error:
        log.critical("broker unreachable", broker=settings.broker, error=str(error))
        return EXIT_UNREACHABLE
    return 0


async def _run(settings: Settings) -> None:
    await ApiProcess(settings).run()
