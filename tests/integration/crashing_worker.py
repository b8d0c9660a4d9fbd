"""A worker that dies at a named crash point of the decider, as a power cut would end it.

``CRASH_AT`` names the point; where ``CRASH_ARMED_BY`` is set, only after that other point was
passed. This file is started by tests and is no part of the product.
"""

import os

from detector.bootstrap import worker_process
from detector.bootstrap.worker import Worker
from detector.settings import load
from detector.telemetry.logs import configure_logging

EXIT_CRASHED = 99


def main() -> int:
    """Run the worker until it dies."""
    at, armed_by = os.environ["CRASH_AT"], os.environ.get("CRASH_ARMED_BY", "")
    passed: set[str] = {""}

    def crash_point(name: str) -> None:
        if name == at and armed_by in passed:
            os._exit(EXIT_CRASHED)
        passed.add(name)

    settings = load(None, os.environ)
    configure_logging(settings.telemetry.log_level, settings.telemetry.log_format)
    return worker_process.run(Worker(settings, crash_point=crash_point), settings.broker)


if __name__ == "__main__":
    raise SystemExit(main())
