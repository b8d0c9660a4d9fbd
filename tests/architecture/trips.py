"""How far five everyday things travel through the code: files entered, and moves between files.

A report and not a gate: ``.venv/bin/python -m tests.architecture.trips``. A move is a call from a
function in one file of the product to a function in another one; the return is not counted again.
Imports and what a process builds once before the trip begins are left out.

============== =================================================================================
trip           what is traced
============== =================================================================================
first event    one EMF record of a new producer through ``Pipeline.feed``
rules put      one changed rule, from its text to the record that all workers read
metric alarm   ``PutMetricAlarm`` and the first evaluation that changes its state
setting        ``budgets.healthy_floor`` from ``detector.toml`` to the decider's limits
refusal        a confirmed alarm while the kill switch is on, to its decision record
============== =================================================================================
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import detector

PACKAGE = Path(detector.__file__).parent


@dataclass(slots=True)
class Trip:
    """The files that were entered, in order of the first call, and how often a call changed it."""

    files: dict[str, int] = field(default_factory=dict)
    moves: int = 0

    def note(self, frame: FrameType, event: str, _: Any) -> None:
        """Count a call; for ``sys.setprofile``."""
        if event != "call":
            return
        name = _file_of(frame)
        if name is None:
            return
        before = _caller_of(frame)
        self.files[name] = self.files.get(name, 0) + (before != name)
        self.moves += before is not None and before != name


def _file_of(frame: FrameType) -> str | None:
    path = Path(frame.f_code.co_filename)
    if not path.is_relative_to(PACKAGE) or frame.f_code.co_name == "<module>":
        return None
    return str(path.relative_to(PACKAGE))


def _caller_of(frame: FrameType) -> str | None:
    above = frame.f_back
    while above is not None:
        name = _file_of(above)
        if name is not None:
            return name
        above = above.f_back
    return None


def trace(act: Callable[[], Any]) -> Trip:
    """Run ``act`` and return where it went."""
    trip = Trip()
    sys.setprofile(trip.note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return trip


def trace_async(act: Callable[[], Coroutine[Any, Any, Any]]) -> Trip:
    """Run a coroutine to its end and return where it went."""
    with asyncio.Runner() as runner:
        runner.get_loop()
        return trace(lambda: runner.run(act()))


def first_event() -> Trip:
    """Trace one record."""
    from tests.test_pipeline import detection, logged  # noqa: PLC0415 - each trip loads its own

    way, (line, *_) = detection(), logged(0, "h5")
    return trace(lambda: way.feed(0, [line], 1.0))


def rules_put() -> Trip:
    """Trace one change of a rule."""
    from detector.rules.admin import Author  # noqa: PLC0415
    from tests.support.rule_world import RuleWorld, definition  # noqa: PLC0415

    admin = RuleWorld().admin()
    return trace_async(lambda: admin.put("r", definition("Host", faults=True), Author("a", "b")))


def metric_alarm() -> Trip:
    """Trace an alarm that is put and evaluated."""
    from detector.cloudwatch.alarms.service import MetricAlarmSettings  # noqa: PLC0415
    from tests.support.alarm_world import AlarmWorld, fleet_metric  # noqa: PLC0415
    from tests.support.alarm_world import metric_alarm as members  # noqa: PLC0415

    async def act() -> None:
        await world.call("PutMetricAlarm", **members())
        start = int(world.now * 1000)
        for end_ms in range(start + 60_000, start + 360_000, 60_000):
            await world.window(end_ms, {fleet_metric(): 1e9})
        if world.state("many-faults") != "ALARM":
            raise AssertionError(world.state("many-faults"))

    world = AlarmWorld(MetricAlarmSettings())
    world.now = 60_000.0
    asyncio.run(world.live())
    return trace_async(act)


def setting() -> Trip:
    """Trace one setting from its file."""
    from detector.settings import load  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "detector.toml"
        path.write_text("[budgets]\nhealthy_floor = 0.8\n")

        def act() -> None:
            settings = load(path, {})
            limits = settings.budgets.config(settings.mode)
            if limits.healthy_floor != 0.8:
                raise AssertionError(limits)

        return trace(act)


def refusal() -> Trip:
    """Trace one refusal."""
    from detector.decisions.decide import Decider  # noqa: PLC0415
    from tests.support.deciding import ON, at, change  # noqa: PLC0415

    decider = Decider()
    decider.take_epoch()

    def act() -> None:
        decider.observe(change())
        (result,) = decider.decide(at(), ON)
        if result.decision.refusal is None:
            raise AssertionError(result)

    return trace(act)


TRIPS: dict[str, Callable[[], Trip]] = {
    "first event": first_event,
    "rules put": rules_put,
    "metric alarm": metric_alarm,
    "setting": setting,
    "refusal": refusal,
}


def main() -> None:
    """Print a table; with ``--files`` also the files of each trip."""
    print(f"{'trip':14} {'files':>5} {'moves':>6}")
    for name, make in TRIPS.items():
        trip = make()
        print(f"{name:14} {len(trip.files):5} {trip.moves:6}")
        if "--files" in sys.argv:
            print("".join(f"    {moves:4} {file}\n" for file, moves in trip.files.items()), end="")


if __name__ == "__main__":
    main()
