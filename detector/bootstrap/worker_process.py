"""Runs a worker process: our parts around Faust's, with a guaranteed end after a crash."""

import asyncio
import sys
import threading
import time
from typing import Any

import faust
import structlog
from aiokafka.errors import KafkaConnectionError

from detector.bootstrap.common import EXIT_UNREACHABLE
from detector.bootstrap.worker import Worker
from detector.core.errors import PublishError
from detector.kafka.faust_app import fatal
from detector.settings import Settings
from detector.telemetry.logs import configure_logging

log = structlog.get_logger("detector.worker")

CRASH_CHECK_SECONDS = 1.0

CRASH_SECONDS = 5.0
"""How long Faust may take to stop after a crash. Faust waits for its threads without a limit: one
worker in 14 that its group had refused hung there, and a supervisor does not restart a process that
still runs.
"""


def run_worker(settings: Settings) -> int:
    """Run one worker until SIGTERM or SIGINT; return the exit status."""
    configure_logging(settings.telemetry.log_level, settings.telemetry.log_format)
    return run(Worker(settings), settings.broker)


def run(worker: Worker, broker: str) -> int:
    """Run until a signal; return the exit status. ``broker`` is named if it is unreachable."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    process = _Process(worker, loop=loop)
    threading.Thread(target=end_after_crash, args=(worker.app,), daemon=True).start()
    try:
        process.execute_from_commandline()
    except SystemExit as stopped:
        if not (error := process.unreachable):
            return int(stopped.code or 0)
    log.critical("broker unreachable", broker=broker, error=error)
    return EXIT_UNREACHABLE


def end_after_crash(app: faust.App) -> None:
    """End the process ``CRASH_SECONDS`` after ``app`` has crashed; for a thread of its own."""
    while not app.crashed:
        time.sleep(CRASH_CHECK_SECONDS)
    time.sleep(CRASH_SECONDS)
    fatal("faust did not stop after its crash", app.crash_reason or RuntimeError("crashed"))


class _Process(faust.Worker):
    """Faust's process life cycle; our parts start before the app and stop after it."""

    def __init__(self, worker: Worker, **kwargs: Any) -> None:
        super().__init__(
            worker.app,
            quiet=True,
            override_logging=False,
            redirect_stdouts=False,
            stdout=sys.stderr,
            **kwargs,
        )
        # It writes terminal escapes between the log lines.
        self.spinner = None
        self._worker = worker
        self.unreachable = ""

    async def on_first_start(self) -> None:
        """Start our parts; the app is started by Faust after this."""
        await super().on_first_start()
        try:
            await self._worker.start()
        except (KafkaConnectionError, PublishError) as error:
            self.unreachable = str(error)
            # Faust ends quietly only if the start was cancelled, else with status 1.
            raise asyncio.CancelledError from error

    async def on_shutdown(self) -> None:
        """Stop our parts; the app has stopped."""
        await super().on_shutdown()
        await self._worker.stop()
