"""Logs: one JSON object per line on stderr, for our logs and those of the libraries.

Law: no payload of a log record is logged, and events that a producer can cause at will (unreadable
or late records) write at most one line per reason in ten seconds.
"""

import logging
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

from detector.core import notices
from detector.core.safe_text import escape_controls, escape_controls_of_json
from detector.core.vocabulary import AlarmState, Decision, OutcomeState

QUIET_SECONDS = 10.0

_LIBRARIES_QUIET = (
    *("aiokafka", "faust", "mode", "aiohttp.access", "asyncio"),
    # A Faust class that we subclass logs its life cycle under the name of our module.
    "detector.kafka.bulk_transport.consumer",
)
_BAD_OUTCOMES = frozenset({OutcomeState.FAILED, OutcomeState.INTERRUPTED, OutcomeState.EXPIRED})


def configure_logging(level: str, log_format: str, stream: TextIO | None = None) -> None:
    """Send all logs of this process at ``level`` or above to ``stream`` (default: stderr).

    ``log_format`` is ``json`` or ``console``. The libraries log through ``logging``, in the same
    format, at warning or above unless ``level`` is debug.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    lines = logging.StreamHandler(stream or sys.stderr)
    lines.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(log_format),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(level.upper())
    for name in _LIBRARIES_QUIET:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    logging.captureWarnings(capture=True)


def _renderers(log_format: str) -> list[structlog.typing.Processor]:
    if log_format == "console":
        # The default shows local variables, and with them the content of records and requests.
        plain = structlog.dev.plain_traceback
        console = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)
        return [_escape_controls, console]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(serializer=_to_json),
    ]


def _to_json(value: Any, **_options: Any) -> str:
    return escape_controls_of_json(msgspec.json.encode(value, enc_hook=repr).decode())


def _escape_controls(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {
        name: escape_controls(value) if isinstance(value, str) else value
        for name, value in event.items()
    }


class LogListener:
    """Logs the notices that a person wants to read.

    ``monotonic`` gives seconds. Notices that may arrive by the thousand are counted and logged, for
    each reason, at most once in ``quiet_seconds`` with their number; ``flush`` logs the rest.
    """

    def __init__(
        self, monotonic: Callable[[], float], *, quiet_seconds: float = QUIET_SECONDS
    ) -> None:
        self._log = structlog.stdlib.get_logger("detector")
        self._monotonic = monotonic
        self._quiet_seconds = quiet_seconds
        self._counts: dict[tuple[str, str], int] = {}
        self._logged_at: dict[tuple[str, str], float] = {}
        self._kill_switch: notices.KillSwitchRead | None = None

    def __call__(self, notice: notices.Notice) -> None:
        """Log ``notice``, count it, or leave it to the metrics."""
        match notice:
            case notices.AlarmMoved():
                self._alarm(notice)
            case notices.ActionDecided():
                self._decision(notice)
            case notices.OutcomeRecorded():
                self._outcome(notice)
            case notices.KillSwitchRead() if notice != self._kill_switch:
                self._kill_switch = notice
                self._log.warning("kill_switch_read", engaged=notice.engaged, known=notice.known)
            case notices.RecordDeadLettered() | notices.EventsLost() | notices.TallyReceived():
                self._loss(notice)
            case notices.HistoryTroubled():
                self._log.warning(
                    "history_troubled", trouble=notice.trouble.value, reason=notice.reason
                )
            case _:
                self._rules(notice)

    def _loss(
        self, notice: notices.RecordDeadLettered | notices.EventsLost | notices.TallyReceived
    ) -> None:
        match notice:
            case notices.RecordDeadLettered():
                self._count("records_dead_lettered", notice.reason, 1)
            case notices.EventsLost():
                self._count("events_lost", notice.reason, notice.count)
            case notices.TallyReceived(outcome="unreadable"):
                self._count("tally_records_refused", notice.outcome, 1)

    def flush(self) -> None:
        """Log what was counted since the last line; call it at the end of the process."""
        for event, reason in list(self._counts):
            self._log_count(event, reason)

    def _alarm(self, notice: notices.AlarmMoved) -> None:
        level = logging.WARNING if notice.state is AlarmState.ALARM else logging.INFO
        self._log.log(
            level,
            "alarm_moved",
            detector=notice.detector,
            alarm_id=notice.alarm_id,
            subject=notice.subject,
            state=notice.state.value,
            delay_seconds=round(notice.delay_seconds, 3),
            sentence=notice.sentence,
        )

    def _decision(self, notice: notices.ActionDecided) -> None:
        level = logging.WARNING if notice.verdict is Decision.GRANTED else logging.INFO
        self._log.log(
            level,
            "action_decided",
            kind=notice.kind.value,
            verdict=notice.verdict.value,
            refusal=notice.refusal.value if notice.refusal else None,
            action_id=notice.action_id,
            sentence=notice.sentence,
        )

    def _outcome(self, notice: notices.OutcomeRecorded) -> None:
        level = logging.ERROR if notice.state in _BAD_OUTCOMES else logging.INFO
        self._log.log(
            level,
            "outcome_recorded",
            kind=notice.kind.value,
            state=notice.state.value,
            action_id=notice.action_id,
            reason=notice.reason,
            duration_seconds=round(notice.duration_seconds, 3),
        )

    def _rules(self, notice: notices.Notice) -> None:
        match notice:
            case notices.RulesRead():
                self._log.info("rules_read", **asdict(notice))
            case notices.RuleChangeRead():
                level = logging.WARNING if notice.rejection else logging.INFO
                # The member ``objection`` of the log event keeps its name.
                members = {
                    "objection" if k == "rejection" else k: v for k, v in asdict(notice).items()
                }
                self._log.log(level, "rule_change_read", **members)
            case notices.TallyingHeld():
                self._log.warning("tallying_held", held=notice.held)
            case notices.RuleFlooded():
                self._log.warning("rule_flooded", **asdict(notice))
            case _:
                pass

    def _count(self, event: str, reason: str, count: int) -> None:
        key = (event, str(reason))
        self._counts[key] = self._counts.get(key, 0) + count
        logged_at = self._logged_at.get(key)
        if logged_at is None or self._monotonic() - logged_at >= self._quiet_seconds:
            self._log_count(*key)

    def _log_count(self, event: str, reason: str) -> None:
        count = self._counts.pop((event, reason))
        self._logged_at[event, reason] = self._monotonic()
        self._log.warning(event, reason=reason, count=count)
