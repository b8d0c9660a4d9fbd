"""``detector tail``: public topics as aligned lines for people, or as JSON lines for programs."""

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.text import Text

from detector.bootstrap.brokers import Brokers
from detector.cli.group import ExitCode
from detector.cli.options import Output
from detector.cli.printing import console, safe
from detector.core.cloud_events import rfc3339
from detector.kafka.tailing import Tail, TailedRecord
from detector.settings import Settings

Cells = list[tuple[str, int]]
"""Texts, each with the width to pad it to."""

CellsOf = Callable[[dict[str, Any]], Cells]

_SHOWN_BYTES = 200
_STYLES = {
    "alarm": "bold red",
    "granted": "bold red",
    "failed": "bold red",
    "pending": "yellow",
    "refused": "yellow",
    "expired": "yellow",
    "interrupted": "yellow",
    "insufficient_data": "yellow",
    "ok": "green",
    "succeeded": "green",
}


def tail(
    settings: Settings,
    topic: str,
    output: Output,
    *,
    from_beginning: bool,
    follow: bool,
    limit: int,
) -> int:
    """Print records until Ctrl-C, the limit, or without ``follow`` the end of the topic."""
    client = Brokers(settings).librdkafka()
    name = f"{settings.topic_prefix}{topic}"
    screen = console()
    try:
        with Tail(
            client,
            name,
            from_beginning=from_beginning,
            timeout_seconds=settings.kafka.request_timeout_seconds,
        ) as source:
            for count, record in enumerate(source.records(follow=follow), start=1):
                if output is Output.JSON:
                    print(record.to_json(), flush=True)
                else:
                    _print_line(screen, _CELLS[topic], record)
                if count == limit:
                    break
    except KeyboardInterrupt:
        pass  # The normal end.
    return ExitCode.OK


def _print_line(screen: Console, cells_of: CellsOf, record: TailedRecord) -> None:
    line = Text()
    for text, width in _cells(cells_of, record):
        cell = safe(text)
        cell.stylize(_STYLES.get(text, ""))
        line.append_text(cell)
        line.append(" " * max(1, width - len(cell) + 1))
    line.rstrip()
    screen.print(line, soft_wrap=True)


def _cells(cells_of: CellsOf, record: TailedRecord) -> Cells:
    if cells_of is _dead_letter:
        return _dead_letter(_dead_letter_members(record))
    document = record.document()
    if record.value is None:
        return [(rfc3339(record.timestamp_ms / 1000), 24), (f"deleted: {record.key!r}", 0)]
    try:
        return cells_of(document)
    except (KeyError, TypeError, ValueError):
        shown = repr(record.value[:_SHOWN_BYTES])
        return [(rfc3339(record.timestamp_ms / 1000), 24), (f"cannot be parsed: {shown}", 0)]


def _alarm(document: dict[str, Any]) -> Cells:
    return [
        (rfc3339(document["changed_at"] / 1000), 24),
        (document["state"], 17),
        (document["detector"], 16),
        ((document.get("verdict") or {}).get("kind", "-"), 7),
        (document["sentence"], 0),
    ]


def _action(document: dict[str, Any]) -> Cells:
    return [
        (rfc3339(document["requested_at"]), 24),
        (document["kind"], 12),
        (document["mode"], 8),
        (_target(document), 30),
        (document["reason"], 0),
    ]


def _decision(document: dict[str, Any]) -> Cells:
    return [
        (rfc3339(document["decided_at"]), 24),
        (document["verdict"], 8),
        (document["refusal"] or "", 20),
        (document["kind"], 12),
        (_target(document), 30),
        (document["sentence"], 0),
    ]


def _outcome(document: dict[str, Any]) -> Cells:
    return [
        (rfc3339(document["at"]), 24),
        (document["state"], 11),
        (document["kind"], 12),
        (_target(document), 30),
        (document["executor"], 8),
        (document["reason"], 0),
    ]


def _dead_letter(members: dict[str, Any]) -> Cells:
    return [
        (members["at"], 24),
        (members["reason"], 20),
        (members["origin"], 30),
        (members["message"], 40),
        (members["value"], 0),
    ]


def _dead_letter_members(record: TailedRecord) -> dict[str, Any]:
    # The original record may have headers with the same names; ours come last and win.
    headers = {name: value.decode("utf-8", errors="replace") for name, value in record.headers}
    topic, partition, offset = (
        headers.get(f"__streams.errors.{part}", "?") for part in ("topic", "partition", "offset")
    )
    return {
        "at": rfc3339(record.timestamp_ms / 1000),
        "reason": headers.get("detector.reason", "?"),
        "origin": f"{topic}[{partition}]@{offset}",
        "message": headers.get("__streams.errors.message", ""),
        "value": repr((record.value or b"")[:_SHOWN_BYTES])[2:-1],
    }


def _target(document: dict[str, Any]) -> str:
    target = document["target"]
    if target is None:
        return "-"
    return "/".join(filter(None, (target["service"], target["zone"], target.get("host"))))


_CELLS: dict[str, CellsOf] = {
    "alarms": _alarm,
    "actions": _action,
    "decisions": _decision,
    "outcomes": _outcome,
    "dead-letters": _dead_letter,
}
