"""Composition root of the worker, which reads logs, evaluates windows and decides.

Start order: publisher, control log, health server, then Faust, whose agents need all of them. Stop
order: Faust first, so that nothing is published to a closed client.
"""

import asyncio
import gc
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from detector.bootstrap.brokers import Brokers
from detector.bootstrap.common import Telemetry, steady
from detector.bootstrap.live_rules import followed_rules, tally_settings
from detector.core.notices import BudgetLevel, KillSwitchRead, WatermarkMoved
from detector.core.steady_time import SteadyTime
from detector.decisions.decide import Decider
from detector.decisions.service import DecisionService
from detector.detection.service import EvaluationService, EvaluationSettings
from detector.ingest.tallying import TallyService
from detector.kafka.bulk_transport import BulkConfig, BulkTransport, bulk_topic, install
from detector.kafka.changelog_tables import EpochStore, TableStore, raw_table
from detector.kafka.control_log import ControlLog
from detector.kafka.faust_app import Agents
from detector.kafka.faust_settings import FaustSettings, create_app
from detector.kafka.publisher import KafkaPublisher, partition_of
from detector.rules.rule_files import load_rules
from detector.settings import Settings
from detector.telemetry.clock import Clock
from detector.telemetry.health_server import HealthServer

log = structlog.get_logger("detector.worker")

STATUS_SECONDS = 1.0
"""Interval at which lag, watermark and alarm metrics are updated."""


class Worker:
    """All parts of one worker: build, then pass to ``worker_process.run``.

    ``crash_point`` is called with the name of each crash point that is passed.
    """

    def __init__(
        self, settings: Settings, *, crash_point: Callable[[str], None] = lambda _: None
    ) -> None:
        self._settings = settings
        self._crash_point = crash_point
        self._clock = Clock()
        self._topics = settings.topic_names()
        self._sources: dict[str, int] = {}
        rule_set = load_rules(settings.rules_dir, lenient=settings.lenient_rules)
        self._telemetry = Telemetry(settings, self._clock)
        self._brokers = Brokers(settings)
        client = self._brokers.aiokafka()
        self._publisher = KafkaPublisher(client, client_id=f"{self._topics.app_id}-publisher")
        self._live = followed_rules(settings, self._steady, self._telemetry, rule_set)
        self._control = ControlLog(
            self._topics.control, client=client, clock=self._steady, listener=self._live
        )
        # Faust requires a folder; with tables in memory it writes nothing into it.
        self._folder = tempfile.TemporaryDirectory(prefix="detector-")
        self.app = create_app(self._faust_settings())
        self._tally: TallyService[Any] = TallyService(
            tally_settings(settings, rule_set),
            self._publisher,
            self._telemetry,
            self._partitions,
            self._live,
            partition_of=partition_of,
        )
        self._agents = self._make_agents()
        self._transport = self._install_transport()
        self._agents.declare([bulk_topic(self.app, list(settings.input_topics))])
        self._status: asyncio.Task[None] | None = None
        self._health = HealthServer(
            host=settings.telemetry.metrics_host,
            port=settings.telemetry.metrics_port,
            registry=self._telemetry.metrics.registry,
            readiness=self._readiness,
            monotonic=self._clock.monotonic,
            stalled_seconds=settings.telemetry.stalled_seconds,
        )

    def _faust_settings(self) -> FaustSettings:
        settings = self._settings
        return FaustSettings(
            broker=settings.broker,
            app_id=self._topics.app_id,
            worker_id=settings.worker_id,
            data_dir=self._folder.name,
            security=self._brokers.faust_credentials(),
            session_timeout_seconds=settings.kafka.session_timeout_seconds,
            heartbeat_seconds=settings.kafka.heartbeat_seconds,
            commit_interval_seconds=settings.kafka.commit_interval_seconds,
        )

    def _make_agents(self) -> Agents:
        settings, topics = self._settings, self._topics
        partitions = topics.tally_partitions
        tables = {
            name: TableStore(raw_table(self.app, name, topics.changelog(name), count))
            for name, count in (
                ("contributors", partitions),
                ("alarms", partitions),
                ("decider", 1),
            )
        }
        self._evaluation: EvaluationService[Any] = EvaluationService(
            EvaluationSettings(
                times=settings.windows.times(),
                evaluate=settings.evaluate_config(),
                topics=topics,
                exact_contributors=settings.input.exact_contributors,
            ),
            self._publisher,
            EpochStore(tables["alarms"]),
            tables["contributors"],
            self._telemetry,
            self._clock.monotonic,
            self._live,
        )
        return Agents(
            self.app,
            topics,
            tally=self._tally,
            evaluation=self._evaluation,
            decisions=self._make_decisions(tables["decider"]),
            control=lambda: self._control.view(self._steady()),
            now=self._clock.now,
            steady=self._steady,
        )

    def _make_decisions(self, table: TableStore) -> DecisionService:
        decider = Decider(self._settings.budgets.config(self._settings.mode))
        return DecisionService(
            decider=decider,
            store=EpochStore(table),
            publisher=self._publisher,
            topics=self._topics,
            notify=self._telemetry,
            crash_point=self._crash_point,
        )

    def _install_transport(self) -> BulkTransport:
        settings = self._settings
        window_ms = settings.windows.times().window_ms
        return install(
            self.app,
            BulkConfig(
                client=self._brokers.librdkafka(),
                bulk_topics=frozenset(settings.input_topics),
                start=settings.input.start,
                start_ms=lambda: int(self._clock.now() * 1000) - window_ms,
                queue_depth=settings.kafka.queue_fetches,
                queued_kbytes=settings.kafka.queue_mebibytes * 1024,
                on_end_of_log=self._on_end_of_log,
                on_started=self._on_started,
                on_revoked=self._on_revoked,
            ),
        )

    def _steady(self) -> SteadyTime:
        return steady(self._clock)

    def _partitions(self) -> dict[str, int]:
        return dict(self._sources)

    def _on_started(self, topic: str, partition: int, offset: int, had_commit: bool) -> None:
        log.info("reading", topic=topic, partition=partition, offset=offset, had_commit=had_commit)
        self._tally.started(topic, partition, offset, had_commit=had_commit)

    def _on_revoked(self, revoked: Any) -> None:
        for topic, partition in revoked:
            self._tally.revoked(topic, partition)

    def _on_end_of_log(self, topic: str, partition: int, next_offset: int, _: float) -> None:
        self.app.add_future(self._agents.end_of_log(topic, partition, next_offset))

    def _readiness(self) -> Mapping[str, tuple[bool, str]]:
        control = self._control.view(self._steady())
        assigned = self._agents.ready
        return {
            "assigned": (assigned, "partitions assigned and recovered" if assigned else "waiting"),
            "broker": (control.known, "control topic read" if control.known else control.reason),
            "rules": (self._live.is_settled, f"{len(self._live.timeline.entries())} rules"),
        }

    async def start(self) -> None:
        """Start everything but Faust."""
        await self._publisher.start()
        await self._count_partitions()
        await self._control.start()
        await self._control.wait_known(self._settings.kafka.session_timeout_seconds)
        await self._health.start()
        self._status = asyncio.create_task(self._watch(), name="status")
        log.info("started", metrics_port=self._health.port, worker=self._settings.worker_id)
        gc.collect()
        gc.freeze()

    async def stop(self) -> None:
        """Stop everything but Faust, which has already stopped."""
        if self._status is not None:
            self._status.cancel()
        await self._health.stop()
        await self._control.stop()
        await self._publisher.stop()
        self._telemetry.logs.flush()
        self._folder.cleanup()

    async def _count_partitions(self) -> None:
        for topic in self._settings.input_topics:
            self._sources[topic] = await self._publisher.partitions(topic)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(STATUS_SECONDS)
            self._report_state()
            lag: dict[str, list[int]] = {topic: [] for topic in self._settings.input_topics}
            for tp, records in self._transport.lag().items():
                lag.setdefault(tp.topic, []).append(records)
            for topic, behind in lag.items():
                self._telemetry.metrics.set_consumer_lag(topic, behind)
                watermark = self._tally.watermark_ms(topic)
                if watermark is not None:
                    self._telemetry(WatermarkMoved(topic, watermark))

    def _report_state(self) -> None:
        view = self._control.view(self._steady())
        self._telemetry(KillSwitchRead(engaged=not view.allows, known=view.known))
        self._telemetry.metrics.set_active_alarms(self._evaluation.raised())
        if not self._agents.decides:
            # Only the decider exports the budget; what this worker exported before is stale.
            for scope in ("global", "fleet"):
                self._telemetry(BudgetLevel(scope, 0.0, 0.0))
