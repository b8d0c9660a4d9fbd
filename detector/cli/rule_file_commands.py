"""``detector rules check``, ``explain`` and ``test``: commands on rule files."""

import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec

from detector.cli.group import ExitCode
from detector.cli.options import Output, note
from detector.cli.printing import print_json, print_table, warning_line
from detector.core.errors import DetectorError, Fault, RuleError
from detector.core.safe_text import escape_controls
from detector.rules.contribution import Contribution
from detector.rules.explain import Explained, RuleExplainer
from detector.rules.rule_files import (
    EXAMPLES_ENDING,
    examples_path,
    read_rules,
    read_text,
    rule_paths,
)
from detector.rules.rules import ContributorRule, LogFormat
from detector.rules.wording import rule_words
from detector.settings import Settings
from detector.tables.rule_examples import (
    ExampleResult,
    Examples,
    read_examples,
    try_example,
    try_fault,
)
from detector.telemetry.clock import Clock

_LINE = b'192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] "GET /cart HTTP/1.1" 503 162'
_EVENT: dict[str, Any] = {
    "InstanceId": "i-0123456789abcdef0", "AZ-ID": "use1-az1", "Service": "checkout",
    "Operation": "GetCart", "Caller": "customer-1", "Status": 503, "Faults": 1, "Latency": 1200.5,
    "ConnectionFailures": 1,
}  # fmt: skip
_SAMPLES = 10


def check(settings: Settings, place: Path | None, output: Output, *, lenient: bool | None) -> int:
    """Print all faults, or the rules and what CloudWatch would refuse of them."""
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    names: list[str] = []
    try:
        read = read_rules(place or settings.rules_dir, lenient=_lenient(settings, lenient))
        names, warnings = [rule.name for rule in read.rule_set], read.warnings
    except RuleError as error:
        faults = error.faults
    if output is Output.JSON:
        found = {"faults": list(map(asdict, faults)), "warnings": list(map(asdict, warnings))}
        print_json({"ok": not faults, **found, "rules": names})
    else:
        for line in (*map(str, faults), *map(warning_line, warnings)):
            print(escape_controls(line))
        if faults:
            print("1 fault" if len(faults) == 1 else f"{len(faults)} faults")
        else:
            print(f"rules are valid: {escape_controls(', '.join(names) or 'none')}")
    return ExitCode.INVALID if faults else ExitCode.OK


def explain(
    settings: Settings,
    place: Path | None,
    output: Output,
    *,
    lenient: bool | None,
    sample: str | None,
    topic: str | None,
) -> int:
    """Print what each rule counts, and its result for each record."""
    record_ms = int(Clock().now() * 1000)
    given = None if sample is None else list(_records(sample))
    where = place or settings.rules_dir
    rule_set = read_rules(where, lenient=_lenient(settings, lenient)).rule_set
    for path, rule in zip(rule_paths(where), rule_set, strict=True):
        explainer = RuleExplainer(rule, settings.fields.mapping(), settings.input.limits())
        records = given if given is not None else _own_records(path, rule, record_ms)
        tried = [
            (record, explained)
            for record in records
            for explained in explainer.explain(
                record, topic=topic or _topic_of(rule, settings), record_ms=record_ms
            )
        ]
        _print_explained(rule, tried, output)
    return ExitCode.OK


def run_examples(
    settings: Settings, place: Path | None, output: Output, *, lenient: bool | None
) -> int:
    """Run the examples next to each rule of ``place`` and print their results."""
    where = place or settings.rules_dir
    outcomes: list[tuple[str, ExampleResult]] = []
    without: list[str] = []
    for path in rule_paths(where):
        if not examples_path(path).is_file():
            without.append(path.stem)
            continue
        examples = _examples_of(path)
        ended = _try_rule(settings, path, examples, lenient=_lenient(settings, lenient))
        outcomes += ((path.stem, outcome) for outcome in ended)
    failed = sum(bool(outcome.differences) for _, outcome in outcomes)
    if output is Output.JSON:
        for name, outcome in outcomes:
            print_json({"rule": name, **asdict(outcome), "ok": not outcome.differences})
    else:
        rows = [(name, o.name, o.differences or "ok") for name, o in outcomes]
        print_table(["rule", "example", "outcome"], rows)
    if without:
        note(
            f"without examples (NAME{EXAMPLES_ENDING}.json): {escape_controls(', '.join(without))}"
        )
    note(f"{len(outcomes)} examples, {failed} failed")
    return ExitCode.PROBLEMS if failed or not outcomes else ExitCode.OK


def _try_rule(
    settings: Settings, path: Path, examples: Examples, *, lenient: bool
) -> Iterator[ExampleResult]:
    try:
        [rule] = read_rules(path, lenient=lenient).rule_set
    except RuleError as error:
        if not examples.faults:
            raise
        yield try_fault(examples, [str(replace(fault, file="")) for fault in error.faults])
        return
    if examples.faults:
        yield try_fault(examples, [])
    for example in examples.tests:
        yield try_example(example, rule, settings.fields.mapping(), settings.input.limits())


def _examples_of(path: Path) -> Examples:
    place = examples_path(path)
    try:
        return read_examples(read_text(place))
    except RuleError as error:
        raise RuleError(replace(fault, file=str(place)) for fault in error.faults) from error


def _lenient(settings: Settings, lenient: bool | None) -> bool:
    return settings.lenient_rules if lenient is None else lenient


def _topic_of(rule: ContributorRule, settings: Settings) -> str:
    """Return a log group of the rule, so that the log group does not exclude the record."""
    names = [*rule.log_group_names, *(arn.name for arn in rule.log_group_arns)]
    return names[0].removesuffix("*") or settings.input_topics[0]


def _own_records(path: Path, rule: ContributorRule, record_ms: int) -> list[bytes]:
    """Return the records of the rule's examples, or a made-up one."""
    if examples_path(path).is_file():
        records = [each for example in _examples_of(path).tests for each in example.records]
        if records:
            return [
                each.encode() if isinstance(each, str) else msgspec.json.encode(each)
                for each in records[:_SAMPLES]
            ]
    if rule.log_format is LogFormat.CLF:
        return [_LINE]
    metadata = {"Timestamp": record_ms, "CloudWatchMetrics": []}
    return [msgspec.json.encode({"_aws": metadata, **_EVENT})]


def _records(file: str) -> Iterator[bytes]:
    try:
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as source:
            yield from (line.rstrip(b"\r\n") for line in source if line.strip())
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise DetectorError(f"cannot read {file!r}: {reason}") from error


def _print_explained(
    rule: ContributorRule, tried: list[tuple[bytes, Explained]], output: Output
) -> None:
    sentences = list(rule_words(rule))
    if output is Output.JSON:
        records = [
            {"record": record.decode(errors="replace"), **_document(e)} for record, e in tried
        ]
        document = {"rule": rule.name, "version": rule.version, "words": sentences}
        print_json({**document, "records": records})
        return
    print(f"{escape_controls(rule.name)} (version {rule.version})")
    for sentence in sentences:
        print(f"  {escape_controls(sentence)}")
    rows = [(record.decode(errors="replace"), _words(e)) for record, e in tried]
    print_table(["record", "result"], rows)


def _document(explained: Explained) -> dict[str, Any]:
    added = explained.contribution
    if added is None:
        return {"contributes": None, "stopped_by": explained.stopped_by}
    return {"contributes": asdict(added), "stopped_by": ""}


def _words(explained: Explained) -> str:
    added = explained.contribution
    if added is None:
        return f"nothing: {explained.stopped_by}"
    return f"[{', '.join(added.keys)}] {_amount_words(added)}"


def _amount_words(added: Contribution) -> str:
    if added.numerator is not None:
        return f"+{added.numerator:g} over +{added.value:g}"
    if added.observations is not None:
        return "observes " + ", ".join(f"{value:g}" for value, _ in added.observations)
    return f"+{added.value:g}"
