"""Idleness is measured on a clock that a jump cannot push ahead."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from detector.core.steady_time import SteadyTime
from detector.core.topics import Topics
from detector.kafka.faust_app import Agents


class Tally:
    """Notes when the log was said to have ended."""

    def __init__(self) -> None:
        self.times: list[float] = []

    async def end_of_log(self, topic: str, partition: int, next_offset: int, now: float) -> None:
        assert ("logs", 3, 7) == (topic, partition, next_offset)
        self.times.append(now)

    def release(self, _topic: str, _partition: int) -> list[Any]:
        return []


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([(1000.0, 5.0), (1001.0, 6.0)], [1000.0, 1001.0]),
        ([(1000.0, 5.0), (4601.0, 6.0), (4602.0, 7.0)], [1000.0, 1001.0, 1002.0]),
        ([(1000.0, 5.0), (400.0, 6.0), (1002.0, 7.0)], [1000.0, 400.0, 1002.0]),
    ],
    ids=["steady", "an hour ahead", "back and again"],
)
async def test_a_jump_of_the_wall_clock_closes_nothing_ahead_of_time(
    readings: list[tuple[float, float]], expected: list[float]
) -> None:
    waiting = [SteadyTime(wall=wall, monotonic=monotonic) for wall, monotonic in readings]
    tally = Tally()
    anything: Any = None
    agents = Agents(
        cast("Any", SimpleNamespace()),
        Topics(),
        tally=cast("Any", tally),
        evaluation=anything,
        decisions=anything,
        control=anything,
        now=lambda: 0.0,
        steady=lambda: waiting.pop(0),
    )
    for _ in readings:
        await agents.end_of_log("logs", 3, 7)
    assert expected == tally.times
