"""Rule files: one contributor rule per ``*.json`` file of a directory, named after the file.

``NAME_test.json`` beside a rule holds its examples and is no rule.

Law: all rules are read or none; all faults of all files are reported at once.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from detector.core.errors import Fault, RuleError
from detector.rules.parser import LENIENT, STRICT, ReadRule, read_rule
from detector.rules.rules import ContributorRule, RuleSet

EXAMPLES_ENDING = "_test"
_READ_BYTES = 4 * LENIENT.characters
"""More than any valid definition in any encoding; a longer file is refused for its length."""


@dataclass(frozen=True, slots=True)
class RuleFiles:
    """The rules of some files, in name order, and what CloudWatch would refuse of them.

    Warnings have the form of faults, with their file; ``expected`` is what CloudWatch accepts.
    """

    rule_set: RuleSet
    warnings: tuple[Fault, ...]


def load_rules(directory: Path, *, lenient: bool = False) -> RuleSet:
    """Read all rules of ``directory``, in name order; a directory without rules is valid.

    ``lenient`` lifts CloudWatch's numeric limits. Raise ``RuleError`` with all faults, each with
    its file and line.
    """
    return read_rules(directory, lenient=lenient).rule_set


def read_rules(place: Path, *, lenient: bool = False) -> RuleFiles:
    """Read one rule file or all of a directory, with warnings; raises like ``load_rules``."""
    rules: list[ContributorRule] = []
    faults: list[Fault] = []
    warnings: list[Fault] = []
    for path in rule_paths(place):
        try:
            read = _read(path, lenient=lenient)
        except RuleError as error:
            faults += (replace(fault, file=str(path)) for fault in error.faults)
        else:
            rules.append(read.rule)
            warnings += (replace(warning, file=str(path)) for warning in read.warnings)
    if faults:
        raise RuleError(faults)
    return RuleFiles(RuleSet(tuple(rules)), tuple(warnings))


def rule_paths(place: Path) -> tuple[Path, ...]:
    """Return the rule files of a directory in name order, or the one file that ``place`` is.

    Raise ``RuleError`` when there is neither.
    """
    if place.is_file():
        return (place,)
    if not place.is_dir():
        expected = "a directory of rule files (*.json)"
        raise RuleError([Fault(0, "", "no such directory", expected, file=str(place))])
    return tuple(
        path for path in sorted(place.glob("*.json")) if not path.stem.endswith(EXAMPLES_ENDING)
    )


def examples_path(rule: Path) -> Path:
    """Return the path of the examples of a rule file, which need not exist."""
    return rule.with_name(f"{rule.stem}{EXAMPLES_ENDING}.json")


def read_text(path: Path) -> str:
    """Read a file, at most as much as a rule may hold. Raise ``RuleError`` when that fails."""
    try:
        with path.open("rb") as file:
            raw = file.read(_READ_BYTES)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise RuleError([Fault(0, "", f"an unreadable file ({reason})", "a rule")]) from error
    # A character that is not ASCII is a fault whatever it is, so decoding may replace it.
    return raw.decode("ascii") if raw.isascii() else raw.decode("utf-8", errors="replace")


def _read(path: Path, *, lenient: bool) -> ReadRule:
    return read_rule(read_text(path), name=path.stem, limits=LENIENT if lenient else STRICT)


def read_definition(directory: Path, name: str) -> str:
    """Return the text of the file of rule ``name``; "" when it can no longer be read."""
    try:
        return (directory / f"{name}.json").read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
