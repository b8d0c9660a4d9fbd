"""``detector rules list|put|enable|disable|delete|tag``: changes of rules while workers run."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from detector.bootstrap.rule_administration import open_rule_admin
from detector.cli.group import ExitCode
from detector.cli.options import Output, note
from detector.cli.printing import print_json, print_table
from detector.core.cloud_events import rfc3339
from detector.core.errors import DetectorError, RuleError
from detector.core.safe_text import escape_controls
from detector.core.vocabulary import RuleState
from detector.rules.admin import Author, RuleAdmin
from detector.rules.errors import RuleChangeError
from detector.rules.log_reducer import BEGINNING, RuleEntry
from detector.settings import Settings
from detector.telemetry.clock import Clock

_HEADERS = ["rule", "state", "version", "from", "in force", "tags"]

Result = TypeVar("Result")

By = tuple[str | None, str]
"""Author (``None`` is the user) and reason."""


def list_rules(settings: Settings, output: Output) -> int:
    """Print all rules with their last change."""
    entries = asyncio.run(_with_admin(settings, _list))
    if output is Output.JSON:
        for entry in entries:
            print_json(_document(entry))
    else:
        print_table(_HEADERS, map(_row, entries))
    return ExitCode.OK


async def _list(admin: RuleAdmin) -> list[RuleEntry]:
    return admin.rules()


def put(
    settings: Settings,
    file: str,
    *,
    name: str | None,
    disabled: bool | None,
    tags: Sequence[str],
    lenient: bool,
    author: By,
) -> int:
    """Put one rule from a file."""
    definition = _read(file)
    rule_name = name if name is not None else Path(file).stem
    if file == "-" and name is None:
        raise DetectorError("found no name, expected --name with standard input")
    state = None
    if disabled is not None:
        state = RuleState.DISABLED if disabled else RuleState.ENABLED
    wanted = _tags(tags)

    async def work(admin: RuleAdmin) -> RuleEntry:
        return await admin.put(rule_name, definition, _author(author), state=state, tags=wanted)

    try:
        entry = asyncio.run(_with_admin(settings, work, lenient=lenient))
    except RuleError as error:
        raise RuleError(replace(fault, file=file) for fault in error.faults) from error
    _print_change(
        f"rule {rule_name!r}, version {entry.rule.version}, is {entry.state}", entry.from_ms
    )
    return ExitCode.OK


def switch(settings: Settings, names: Sequence[str], *, enabled: bool, author: By) -> int:
    """Enable or disable rules."""
    state = RuleState.ENABLED if enabled else RuleState.DISABLED

    async def change(admin: RuleAdmin, name: str) -> None:
        entry = await admin.switch(name, state, _author(author))
        _print_change(f"rule {name!r} is {entry.state}", entry.from_ms)

    return _each(settings, names, change)


def delete(settings: Settings, names: Sequence[str], author: By) -> int:
    """Delete rules."""

    async def change(admin: RuleAdmin, name: str) -> None:
        result = await admin.delete(name, _author(author))
        _print_change(f"rule {name!r} is deleted", result.from_ms if result else BEGINNING)

    return _each(settings, names, change)


def tag(
    settings: Settings, name: str, tags: Sequence[str], remove: Sequence[str], author: By
) -> int:
    """Set and remove tags of one rule."""
    wanted = _tags(tags)

    async def change(admin: RuleAdmin, name: str) -> None:
        entry = await admin.tag(name, wanted, _author(author), without=tuple(remove))
        current = ", ".join(f"{key}={value}" for key, value in entry.tags) or "none"
        print(escape_controls(f"tags of rule {name!r}: {current}"))

    return _each(settings, [name], change)


def _each(
    settings: Settings,
    names: Iterable[str],
    change: Callable[[RuleAdmin, str], Awaitable[None]],
) -> int:
    """Change the rules one by one; report failures and continue with the rest."""

    async def work(admin: RuleAdmin) -> int:
        failed = 0
        for name in names:
            try:
                await change(admin, name)
            except RuleChangeError as error:
                note(escape_controls(str(error)))
                failed += 1
        return failed

    return ExitCode.PROBLEMS if asyncio.run(_with_admin(settings, work)) else ExitCode.OK


async def _with_admin(
    settings: Settings, work: Callable[[RuleAdmin], Awaitable[Result]], *, lenient: bool = False
) -> Result:
    async with open_rule_admin(settings, lenient=lenient) as admin:
        return await work(admin)


def _author(author: By) -> Author:
    by, reason = author
    if by is None:
        try:
            by = getpass.getuser()
        except (KeyError, OSError):
            by = "unknown"
    return Author(by, reason)


def _read(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise DetectorError(f"cannot read {file!r}: {reason}") from error
    return raw.decode(errors="replace")


def _tags(tags: Iterable[str]) -> dict[str, str]:
    found = {}
    for each in tags:
        key, equals, value = each.partition("=")
        if not equals:
            raise DetectorError(f"found tag {each!r}, expected KEY=VALUE")
        found[key] = value
    return found


def _print_change(what: str, from_ms: int) -> None:
    print(escape_controls(f"{what}, {_since(from_ms)}"))


def _since(from_ms: int) -> str:
    if from_ms == BEGINNING:
        return "from the beginning"
    seconds = from_ms / 1000 - Clock().now()
    begins = f" (in {seconds:.0f} s)" if seconds > 0 else ""
    return f"from {rfc3339(from_ms / 1000)}{begins}"


def _row(entry: RuleEntry) -> tuple[object, ...]:
    source = entry.managed.template if entry.managed else "put" if entry.change_id else "file"
    tags = tuple(f"{key}={value}" for key, value in entry.tags)
    return (
        entry.name, entry.state, entry.rule.version, source, _since(entry.from_ms), tags
    )  # fmt: skip


def _document(entry: RuleEntry) -> dict[str, object]:
    return {
        "name": entry.name,
        "state": entry.state,
        "version": entry.rule.version,
        "definition": entry.definition,
        "in_force_from_ms": None if entry.from_ms == BEGINNING else entry.from_ms,
        "change": entry.change_id or None,
        "managed": entry.managed,
        "tags": dict(entry.tags),
    }
