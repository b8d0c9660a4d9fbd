"""``detector backtest``: recorded records through one or two configurations of the detector."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import Progress

from detector.backtest.recording import TimeRange
from detector.backtest.results import Difference, Result, differences
from detector.bootstrap.backtest import Side, run_backtest
from detector.cli.group import ExitCode
from detector.cli.options import Output
from detector.cli.printing import print_json, print_table
from detector.core.cloud_events import rfc3339
from detector.core.errors import DetectorError
from detector.core.vocabulary import Decision
from detector.detection.alarms import Target
from detector.detection.explanations import plain_name
from detector.settings import Settings, load

_SHOWN = 50
"""Maximum rows of a table of alarms or decisions; JSON has all."""


def run(
    source: str,
    settings: Settings,
    *,
    rules: Path | None,
    against: Path | None,
    against_rules: Path | None,
    span: tuple[str | None, str | None],
    output: Output,
) -> int:
    """Print the alarms and actions that the records would have caused."""
    sides = [Side("a", settings, rules)]
    if against is not None or against_rules is not None:
        other = settings if against is None else load(against, os.environ)
        sides.append(Side("b", other, against_rules or (rules if against is None else None)))
    within = TimeRange(*(None if text is None else parse_time(text) for text in span))
    with _progress() as report:
        results = run_backtest(source, within, sides, report)
    compared = differences(*results) if len(results) > 1 else None
    if output is Output.JSON:
        documents = [msgspec.to_builtins(result) for result in results]
        print_json({"results": documents, "differences": compared})
    else:
        _print_summary(results)
        for result in results:
            _print_details(result)
        if compared is not None:
            _print_differences(compared)
    return ExitCode.OK


def parse_time(text: str) -> int:
    """Parse ISO 8601 (UTC without an offset) or epoch milliseconds; raises ``DetectorError``."""
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        expected = "a time such as 2026-11-25T10:00:00Z, or epoch milliseconds"
        raise DetectorError(f"found {plain_name(text)!r}, expected {expected}") from None
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)


@contextmanager
def _progress() -> Iterator[Callable[[float], None]]:
    """Show a progress bar on stderr if it is a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("backtest", total=1.0)
        yield lambda share: progress.update(task, completed=share)


def _print_summary(results: list[Result]) -> None:
    rows: list[tuple[object, ...]] = [
        ("from", *(_time(result.from_ms) for result in results)),
        ("until", *(_time(result.until_ms) for result in results)),
        ("records", *(result.records for result in results)),
        ("unreadable records", *(sum(result.unreadable.values()) for result in results)),
        ("late events", *(result.late for result in results)),
        (
            "windows (incomplete)",
            *(f"{result.windows} ({result.incomplete_windows})" for result in results),
        ),
        ("alarms", *(result.alarms for result in results)),
        ("alarms per day", *(f"{result.alarms_per_day:g}" for result in results)),
        ("granted (observed)", *(result.granted for result in results)),
        ("refused", *(result.refused for result in results)),
        ("hosts replaced", *(result.cost.hosts_replaced for result in results)),
        ("of a fleet of", *(result.cost.largest_fleet for result in results)),
        ("zones shifted away", *(result.cost.zone_shifts for result in results)),
    ]
    print_table(["", *(result.configuration for result in results)], rows)


def _print_details(result: Result) -> None:
    name = result.configuration
    if result.fired:
        print_table(
            [f"raised by {name}", "until", "detector", "what"],
            [
                (
                    _time(firing.raised_at),
                    "" if firing.ended_at is None else _time(firing.ended_at),
                    firing.detector,
                    firing.sentence,
                )
                for firing in result.fired[:_SHOWN]
            ],
        )
    if result.rulings:
        print_table(
            [f"decided by {name}", "observe", "enforce", "target", "why"],
            [
                (
                    _time(decision.at),
                    decision.observe.value,
                    decision.enforce.value,
                    _target(decision.target),
                    decision.refusal or ("" if decision.enforce is Decision.GRANTED else "refused"),
                )
                for decision in result.rulings[:_SHOWN]
            ],
        )
    unshown = max(0, len(result.fired) - _SHOWN) + max(0, len(result.rulings) - _SHOWN)
    if unshown:
        print(f"{unshown} more rows of {name}: use --output json to see all")


def _print_differences(compared: list[Difference]) -> None:
    if not compared:
        print("a and b raise the same alarms at the same times and grant the same actions")
        return
    print_table(
        ["differs", "raised by a", "raised by b", "granted by a", "granted by b"],
        [
            (
                " ".join((each.subject, *each.contributor)),
                *map(_time, (each.first_raised_a, each.first_raised_b)),
                *map(_time, (each.granted_a, each.granted_b)),
            )
            for each in compared[:_SHOWN]
        ],
    )


def _time(time_ms: int | None) -> str:
    return "never" if time_ms is None else rfc3339(time_ms / 1000)


def _target(target: Target | None) -> str:
    return "" if target is None else target.key
