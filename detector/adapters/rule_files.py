"""Rule files: one contributor rule per ``*.json`` file of a directory, named after the file.

Law: all rules are read or none; every fault of every file is told at once.
"""

from dataclasses import replace
from pathlib import Path

from detector.domain.errors import Fault, RuleError
from detector.domain.rule_syntax import LENIENT, STRICT, parse_rule
from detector.domain.rules import ContributorRule, RuleBook

_READ_BYTES = 4 * LENIENT.characters
"""More than any permitted definition in any encoding; a file beyond is refused for its length."""


def load_rules(directory: Path, *, lenient: bool = False) -> RuleBook:
    """Read all rules of ``directory``, in name order; none is a valid rule book.

    ``lenient`` lifts CloudWatch's numeric limits. Raise ``RuleError`` with all faults, each with
    its file and line.
    """
    if not directory.is_dir():
        expected = "a directory of rule files (*.json)"
        raise RuleError([Fault(0, "", "no such directory", expected, file=str(directory))])
    rules: list[ContributorRule] = []
    faults: list[Fault] = []
    for path in sorted(directory.glob("*.json")):
        try:
            rules.append(_load(path, lenient=lenient))
        except RuleError as error:
            faults += (replace(fault, file=str(path)) for fault in error.faults)
    if faults:
        raise RuleError(faults)
    return RuleBook(tuple(rules))


def _load(path: Path, *, lenient: bool) -> ContributorRule:
    try:
        with path.open("rb") as file:
            raw = file.read(_READ_BYTES)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise RuleError([Fault(0, "", f"an unreadable file ({reason})", "a rule")]) from error
    # What is not ASCII is a fault in any encoding, and Latin-1 reads every byte as one character.
    text = raw.decode("ascii") if raw.isascii() else raw.decode("utf-8", errors="replace")
    return parse_rule(text, name=path.stem, limits=LENIENT if lenient else STRICT)
