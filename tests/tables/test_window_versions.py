"""Which version of a rule a window shows when rules change.

Drawings: a digit is a pane with contributors under that version, a dot a pane without; ``|`` is
where the rule changes. Windows have three panes.
"""

from dataclasses import replace

import pytest

from detector.rules.rules import ContributorRule, RuleSet
from detector.tables.contributor_window import VersionTable
from detector.tables.pane_encoding import rule_pane
from detector.tables.reports import WindowMeta
from detector.tables.window_versions import WindowVersions
from detector.tables.windows import Window, WindowTimes
from tests.builders import rule

PANES = 3
TIMES = WindowTimes(pane_ms=1_000, window_panes=PANES)


def version(number: str) -> ContributorRule:
    return replace(rule("r", keys=[(f"key{number}",)]), version=number)


def rule_sets(line: str) -> dict[int, RuleSet]:
    """Return the rule set of each pane: a digit is the version in force, ``-`` is none."""
    made = {name: RuleSet((version(name),)) for name in set(line) - {"-"}}
    return {at * 1_000: made.get(name, RuleSet()) for at, name in enumerate(line)}


def tables(line: str) -> list[VersionTable]:
    """Return tables as they are when the last pane of ``line`` has closed."""
    found = {name: VersionTable("r", name, PANES, 10) for name in sorted(set(line) - {"."})}
    for at, name in enumerate(line):
        if name != ".":
            pane = rule_pane("r", name, {("k",): 1.0}, samples=1, minimum=1, maximum=1)
            found[name].stage(at * 1_000, ("logs", 0, 0), pane)
        for table in found.values():
            table.close(at * 1_000)
    return list(found.values())


def shown(in_force: str, counted: str) -> str:
    """Say which version the window at the end shows, how many events, ``p`` for partial."""
    by_pane = rule_sets(in_force)
    chooser = WindowVersions(lambda pane: by_pane.get(pane, by_pane[0]), TIMES, 10)
    last = (len(counted) - 1) * 1_000
    meta = WindowMeta(Window.ending_with(last, TIMES), True, False, (), 0)
    found = chooser.choose(tables(counted), meta)
    if not found:
        return ""
    ((table, its_meta, labels),) = found
    assert labels == ((f"$.key{table.version}",) if table.version in in_force else ())
    window = table.window(its_meta, labels)
    return f"{window.version}:{window.samples:.0f}{'p' if window.meta.partial else ''}"


@pytest.mark.parametrize(
    ("in_force", "counted", "expected"),
    [
        ("1111", "1111", "1:3"),  # Nothing changes.
        ("1111", "1...", "1:0"),  # Empty, and shown once more.
        ("1122", "1122", "2:2p"),  # The newer version, not yet for a whole window.
        ("1222", "1222", "2:3"),  # The older one has left the window.
        ("1112", "111.", "2:0p"),  # The older one ended, the newer one has counted nothing.
        ("-112", "-112".replace("-", "."), "2:1p"),
        ("--11", "..11", "1:2p"),  # A new rule.
        ("-111", ".111", "1:3"),
        ("111-", "111.", ""),  # Deleted: shown no more, at once
        ("1---", "1...", ""),  # and not once more when it has become empty.
        ("1-11", "1.11", "1:2p"),  # Disabled and enabled again.
        ("1111", "1122", "2:2p"),  # A worker with other files counts another version,
        ("----", "3333", "3:3"),  # or a rule that this worker does not know;
        ("11--", "1133", "3:2p"),  # then what is counted is shown.
        ("1111", "2211", "1:2p"),
    ],
)
def test_a_window_shows_the_version_that_is_in_force_at_its_end(
    in_force: str, counted: str, expected: str
) -> None:
    assert expected == shown(in_force, counted)


def test_books_are_looked_up_by_name_once_and_not_remembered_for_ever() -> None:
    fresh = WindowVersions(lambda _: RuleSet((version("1"),)), TIMES, 10)
    meta = WindowMeta(Window.ending_with(9_000, TIMES), True, False, (), 0)
    for _ in range(3):
        assert 1 == len(fresh.choose(tables("111"), meta))
