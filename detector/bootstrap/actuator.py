"""Composition root of the actuator: executor, kill switch, journal, health.

It executes actions and cannot propose any.
"""

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack

import structlog
from aiokafka.errors import KafkaConnectionError

from detector.actuation.executors import (
    DryRunExecutor,
    WebhookConfig,
    WebhookExecutor,
    load_secret,
)
from detector.bootstrap.brokers import Brokers
from detector.bootstrap.common import EXIT_UNREACHABLE, Telemetry, steady
from detector.decisions.budgets import BucketLimits
from detector.kafka.actuator_app import ActuatorConfig, run_actuator
from detector.kafka.control_log import ControlLog
from detector.settings import Settings
from detector.telemetry.clock import Clock
from detector.telemetry.health_server import HealthServer
from detector.telemetry.logs import configure_logging

log = structlog.get_logger("detector.actuator")


class Actuator:
    """One actuator process: build, then ``run``."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock = Clock()
        self._ready = False
        section = settings.actuator
        self._telemetry = Telemetry(settings, self._clock, dry_run=section.executor == "dry-run")
        client = Brokers(settings).aiokafka()
        topics = settings.topic_names()
        self._control = ControlLog(topics.control, client=client, clock=lambda: steady(self._clock))
        self._config = ActuatorConfig(
            topics=topics,
            member_id=settings.worker_id,
            client=client,
            local_budget=BucketLimits(
                section.local_bucket_capacity, 1 / section.local_bucket_refill_seconds
            ),
            session_timeout_seconds=settings.kafka.session_timeout_seconds,
        )
        self._health = HealthServer(
            host=settings.telemetry.metrics_host,
            port=settings.telemetry.metrics_port,
            registry=self._telemetry.metrics.registry,
            readiness=self._readiness,
            monotonic=self._clock.monotonic,
            stalled_seconds=settings.telemetry.stalled_seconds,
        )

    async def _executor(self, stack: AsyncExitStack) -> DryRunExecutor | WebhookExecutor:
        section = self._settings.actuator
        if section.executor == "dry-run" or section.webhook_secret_file is None:
            return DryRunExecutor(
                lambda action: log.info("dry run", kind=action.kind, target=action.target.key)
            )
        config = WebhookConfig(
            url=section.webhook_url,
            secret=load_secret(os.environ, section.webhook_secret_file),
            timeout_seconds=section.webhook_timeout_seconds,
            retries=section.webhook_retries,
            allowed_networks=section.webhook_allowed_networks,
        )
        executor = WebhookExecutor(config, clock=lambda: steady(self._clock))
        return await stack.enter_async_context(executor)

    def _readiness(self) -> Mapping[str, tuple[bool, str]]:
        control = self._control.view(steady(self._clock))
        return {
            "assigned": (self._ready, "actions and journal read" if self._ready else "waiting"),
            "broker": (control.known, "control topic read" if control.known else control.reason),
        }

    def _become_ready(self) -> None:
        self._ready = True

    async def run(self) -> None:
        """Execute actions until SIGTERM or SIGINT."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with AsyncExitStack() as stack:
            stack.callback(self._telemetry.logs.flush)
            await self._control.start()
            stack.push_async_callback(self._control.stop)
            await self._health.start()
            stack.push_async_callback(self._health.stop)
            log.info("started", metrics_port=self._health.port, role="actuator")
            await run_actuator(
                self._config,
                executor=await self._executor(stack),
                control=self._control,
                clock=lambda: steady(self._clock),
                stop=stop,
                notify=self._telemetry,
                on_ready=self._become_ready,
            )


def run_actuator_process(settings: Settings) -> int:
    """Run the actuator until SIGTERM or SIGINT; return the exit status."""
    configure_logging(settings.telemetry.log_level, settings.telemetry.log_format)
    try:
        asyncio.run(Actuator(settings).run())
    except KafkaConnectionError as error:
        log.critical("broker unreachable", broker=settings.broker, error=str(error))
        return EXIT_UNREACHABLE
    return 0
