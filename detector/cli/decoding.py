"""``detector decode``: how each record of a file is decoded."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from detector.cli.group import ExitCode
from detector.cli.options import Output, note
from detector.cli.printing import print_json, print_table
from detector.core.errors import DetectorError
from detector.ingest.explain import DecodeExplainer
from detector.rules.rule_files import load_rules
from detector.settings import Settings
from detector.telemetry.clock import Clock

_HEADERS = ["record", "outcome", "envelope", "result"]


def decode(settings: Settings, file: str, output: Output, *, whole: bool, topic: str | None) -> int:
    """Print one entry per event, or the reason why a record is refused."""
    explainer = DecodeExplainer(
        settings.fields.mapping(),
        settings.input.limits(),
        load_rules(settings.rules_dir, lenient=settings.lenient_rules),
    )
    record_ms = int(Clock().now() * 1000)
    refused = 0
    rows = []
    for number, value in enumerate(_records(file, whole=whole), start=1):
        for entry in explainer.explain(
            value, topic or settings.input_topics[0], record_ms=record_ms
        ):
            refused += entry["outcome"] == "refused"
            if output is Output.JSON:
                print_json({"record": number, **entry})
            else:
                rows.append((number, entry["outcome"], entry["envelope"], _words(entry)))
    if output is Output.TABLE:
        print_table(_HEADERS, rows)
    if refused:
        count = "1 record was refused" if refused == 1 else f"{refused} records were refused"
        it = "it" if refused == 1 else "them"
        note(f"{count}: a worker would send {it} to the dead letters")
    return ExitCode.PROBLEMS if refused else ExitCode.OK


def _records(file: str, *, whole: bool) -> Iterator[bytes]:
    try:
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as source:
            if whole:
                yield source.read()
            else:
                yield from (line.rstrip(b"\r\n") for line in source if line.strip())
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise DetectorError(f"cannot read {file!r}: {reason}") from error


def _words(entry: dict[str, Any]) -> tuple[str, ...]:
    """Return one line for each decoded value."""
    if entry["outcome"] == "refused":
        return (f"{entry['reason']}: {entry['message']}",)
    if entry["outcome"] == "empty":
        return ("nothing to count",)
    parts = [f"time={entry['time']['at']} ({entry['time']['source']} {entry['time']['from']})"]
    parts += [
        f"{name}={_value(field['value'])}" + (f" ({field['from']})" if field["from"] else "")
        for name, field in entry["fields"].items()
        if field["value"] or field["from"]
    ]
    parts += [
        f"{added['rule']}[{', '.join(map(str, added['keys']))}] +{_value(added['value'])}"
        for added in entry["rules"]
    ]
    return tuple(parts)


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
