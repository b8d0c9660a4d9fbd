"""Parts that several processes share: versions, time, telemetry."""

import hashlib
import platform
import secrets
from importlib.metadata import version
from typing import Any

from detector.core.notices import Notice
from detector.core.steady_time import SteadyTime
from detector.settings import Settings
from detector.telemetry.clock import Clock
from detector.telemetry.logs import LogListener
from detector.telemetry.metrics import Metrics

EXIT_UNREACHABLE = 4
"""Exit status when no broker answers."""


def steady(clock: Clock) -> SteadyTime:
    """Read both clocks."""
    return SteadyTime(wall=clock.now(), monotonic=clock.monotonic())


def new_change_id() -> str:
    """Return a random id for a change of a rule: 128 bits, unique across writers."""
    return secrets.token_hex(16)


class Telemetry:
    """Metrics and logs as one listener for notices."""

    def __init__(self, settings: Settings, clock: Clock, **metrics: Any) -> None:
        self.metrics = Metrics(
            topics=settings.input_topics,
            build={
                "version": version("grayfail-detector"),
                "python": platform.python_version(),
                "faust": version("faust-streaming"),
            },
            config_hash=config_hash(settings),
            **metrics,
        )
        self.logs = LogListener(clock.monotonic)

    def __call__(self, notice: Notice) -> None:
        """Pass a notice to both."""
        self.metrics(notice)
        self.logs(notice)


def config_hash(settings: Settings) -> str:
    """Return a short hash of the settings that all workers of a group should share."""
    shared = settings.model_dump_json(exclude={"worker_id", "telemetry"})
    return hashlib.sha256(shared.encode()).hexdigest()[:12]
