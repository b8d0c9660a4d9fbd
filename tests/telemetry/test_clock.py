"""The clock is the machine's own."""

import time

from detector.telemetry.clock import Clock


def test_now_is_epoch_seconds() -> None:
    before = time.time()
    assert before <= Clock().now() <= time.time()


def test_monotonic_never_runs_backwards() -> None:
    clock = Clock()
    readings = [clock.monotonic() for _ in range(1000)]
    assert sorted(readings) == readings
