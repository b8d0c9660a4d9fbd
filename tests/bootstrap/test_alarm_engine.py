"""What moves the metric alarms on, and what they read of a rule's contributors."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detector.bootstrap import alarm_engine
from detector.bootstrap.alarm_engine import AlarmEngine, StoredContributors
from detector.cloudwatch.history import Fetched, ReportStore, StoreConfig
from detector.cloudwatch.metrics.closed_windows import ClosedWindow
from detector.settings import load


class Alarms:
    """Stands for the service: records its calls, and fails as often as asked."""

    def __init__(self, failures: int = 0) -> None:
        self.calls: list[tuple[str, int]] = []
        self.came = asyncio.Event()
        self._failures = failures

    async def start(self, now: float) -> None:
        self.calls.append(("start", int(now)))

    async def stop(self) -> None:
        self.calls.append(("stop", 0))

    async def on_window(self, end_ms: int, now: float) -> None:
        if self._failures:
            self._failures -= 1
            raise RuntimeError("a round that fails")
        self.calls.append(("window", end_ms))
        self.came.set()

    async def tick(self, now: float) -> None:
        self.calls.append(("tick", int(now)))
        self.came.set()


class Recent:
    """Stands for the datapoints in memory."""

    def __init__(self) -> None:
        self.taken: list[ClosedWindow] = []

    def add(self, window: ClosedWindow) -> None:
        self.taken.append(window)


def window(end_ms: int) -> ClosedWindow:
    return ClosedWindow(0, end_ms - 60_000, end_ms, end_ms - 10_000, {}, {})


def new_engine(
    alarms: Any,
    recent: Any,
    through_ms: Callable[[int], int],
    on_round: Callable[[bool], None] = lambda _: None,
) -> AlarmEngine:
    return AlarmEngine(
        alarms,
        recent,
        partitions=range(2),
        through_ms=through_ms,
        now=lambda: 9.0,
        on_round=on_round,
    )


async def test_alarms_are_moved_to_where_all_partitions_are_whole() -> None:
    alarms, recent, through = Alarms(), Recent(), {0: 20_000, 1: 10_000}
    engine = new_engine(alarms, recent, through.__getitem__)
    await engine.start()
    engine.on_window(window(20_000))
    await alarms.came.wait()
    await engine.stop()
    assert [("start", 9), ("window", 10_000), ("stop", 0)] == alarms.calls
    assert [window(20_000)] == recent.taken


async def test_a_partition_without_any_report_holds_nobody_up() -> None:
    alarms = Alarms()
    engine = new_engine(alarms, Recent(), {0: 20_000, 1: 0}.__getitem__)
    await engine.start()
    engine.on_window(window(20_000))
    await alarms.came.wait()
    await engine.stop()
    assert ("window", 20_000) in alarms.calls


async def test_where_nothing_comes_the_clock_moves_them_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm_engine, "TICK_SECONDS", 0.01)
    alarms = Alarms()
    engine = new_engine(alarms, Recent(), lambda _: 0)
    await engine.start()
    await alarms.came.wait()
    await engine.stop()
    assert ("tick", 9) in alarms.calls


async def test_a_round_that_failed_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarm_engine, "_RETRY_SECONDS", 0.01)
    alarms, rounds, well = Alarms(failures=2), list[bool](), asyncio.Event()

    def on_round(went_well: bool) -> None:
        rounds.append(went_well)
        if went_well:
            well.set()

    engine = new_engine(alarms, Recent(), lambda _: 20_000, on_round)
    await engine.start()
    engine.on_window(window(20_000))
    await well.wait()
    await engine.stop()
    assert [("start", 9), ("window", 20_000), ("stop", 0)] == alarms.calls
    assert [False, False, True] == rounds


async def test_an_engine_that_was_not_started_can_be_stopped() -> None:
    alarms = Alarms()
    await new_engine(alarms, Recent(), lambda _: 0).stop()
    assert [("stop", 0)] == alarms.calls


def test_an_unknown_rule_has_no_window(tmp_path: Path) -> None:
    config = StoreConfig(path=None, topic="t", pane_ms=10_000, window_ms=60_000)
    with contextlib.closing(ReportStore(config)) as store:
        store.apply([Fetched(0, 0, b"no report")], 0)
        assert StoredContributors(store).contributors("nobody", 60_000) is None


async def test_the_limits_are_those_of_the_settings(tmp_path: Path) -> None:
    section = {
        "MOST_ALARMS": "7",
        "MOST_MUTE_RULES": "8",
        "MOST_HISTORY_ITEMS": "900",
        "CONTRIBUTORS_IN_ALARM": "10",
        "PATIENCE_SECONDS": "11.5",
        "CATCH_UP_MINUTES": "12",
    }
    environment = {f"DETECTOR_METRIC_ALARMS__{name}": value for name, value in section.items()}
    config = StoreConfig(path=None, topic="t", pane_ms=10_000, window_ms=60_000)
    nothing: Any = None
    with contextlib.closing(ReportStore(config)) as store:
        found = alarm_engine.metric_alarms(load(None, environment), {}, nothing, store).settings
    assert (7, 8, 900, 11_500, 720_000) == (
        found.alarms,
        found.mute_rules,
        found.history_items,
        found.max_wait_ms,
        found.catch_up_ms,
    )
    assert 10 == found.evaluation.contributors_in_alarm
