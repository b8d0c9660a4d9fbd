"""``detector kill-switch``: forbid all actions, allow them, or show the state."""

import asyncio
import getpass

from detector.bootstrap.brokers import Brokers
from detector.cli.group import ExitCode
from detector.cli.options import Output
from detector.cli.printing import print_json
from detector.core.cloud_events import rfc3339
from detector.core.errors import DetectorError
from detector.core.safe_text import escape_controls
from detector.core.steady_time import SteadyTime
from detector.decisions.kill_switch import ControlView
from detector.kafka.control_log import ControlLog, write_kill_switch
from detector.kafka.topic_admin import TopicAdmin
from detector.settings import Settings
from detector.telemetry.clock import Clock


def switch(settings: Settings, *, engaged: bool, reason: str, by: str | None) -> int:
    """Write the record and wait until the broker confirms it."""
    asyncio.run(
        write_kill_switch(
            _control_topic(settings),
            client=Brokers(settings).aiokafka(),
            engaged=engaged,
            reason=reason,
            by=by or _user(),
            at=Clock().now(),
        )
    )
    state = "on: no action is carried out" if engaged else "off: actions are allowed"
    print(f"kill switch is {state}")
    return ExitCode.OK


def status(settings: Settings, output: Output) -> int:
    """Read the control topic to its end and print the state."""
    view = asyncio.run(_read(settings))
    if output is Output.JSON:
        print_json(
            {
                "known": view.known,
                "engaged": view.engaged,
                "reason": view.reason,
                "read_at": view.read_at,
            }
        )
    else:
        read_at = f" (read {rfc3339(view.read_at)})" if view.read_at else ""
        print(f"kill switch is {view.state}: {escape_controls(view.reason)}{read_at}")
    return ExitCode.OK if view.known else ExitCode.PROBLEMS


async def _read(settings: Settings) -> ControlView:
    clock = Clock()

    def steady() -> SteadyTime:
        return SteadyTime(wall=clock.now(), monotonic=clock.monotonic())

    log = ControlLog(_control_topic(settings), client=Brokers(settings).aiokafka(), clock=steady)
    await log.start()
    try:
        await log.wait_known(settings.kafka.request_timeout_seconds)
        return log.view(steady())
    finally:
        await log.stop()


def _control_topic(settings: Settings) -> str:
    """Return the name of the control topic; raises ``DetectorError`` if it does not exist.

    A client would wait for a missing topic until the timeout.
    """
    topic = settings.topic_names().control
    timeout = settings.kafka.request_timeout_seconds
    if not TopicAdmin(Brokers(settings).librdkafka(), timeout_seconds=timeout).show([topic]):
        raise DetectorError(f"no such topic {topic!r}: run `detector topics create`")
    return topic


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
