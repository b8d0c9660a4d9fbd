"""The table "Where a change goes" is true: its files exist, and the log bears it out.

For each kind the table names the last commit that made such a change. Every file of that commit,
under the name that it has today, is one of the files to edit or stands in the last column with its
reason. Tests are left out (they mirror the rooms), and so are files that were joined into others.
"""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "detector" / "README.md").read_text()
KINDS = (
    "check", "detector", "limit", "executor", "envelope", "field alias", "setting", "CLI command",
    "API operation", "metric",
)  # fmt: skip


def rows() -> dict[str, list[str]]:
    """Cells of the table by kind."""
    section = PAGE.split("\n## Where a change goes\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {kind: rest for kind, *rest in cells}


ROWS = rows()


def git(*arguments: str) -> str:
    """Ask git about this clone."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607 - git is on PATH wherever this is a clone
    return done.stdout


def paths(cell: str) -> list[str]:
    """Files and folders that a cell names, from the root; those of ``detector`` are short."""
    named = re.findall(r"`([\w./-]+(?:/|\.\w+))`", cell)
    return [name if name.startswith("deploy/") else f"detector/{name}" for name in named]


@cache
def names_today(commit: str) -> tuple[str, ...]:
    """Files of a commit under the names that they have now; tests and joined files left out."""
    renamed = {}
    for line in git(
        "diff", "-M40%", "-l4000", "--diff-filter=R", "--name-status", commit, "HEAD"
    ).splitlines():
        _, before, after = line.split("\t")
        renamed[before] = after
    changed = git("show", "--name-only", "--format=", commit).split()
    today = [renamed.get(name, name) for name in changed]
    return tuple(name for name in today if not name.startswith("tests/") and (ROOT / name).exists())


def test_the_table_has_the_ten_kinds() -> None:
    assert list(KINDS) == list(ROWS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_of_a_kind_exists(kind: str) -> None:
    files, _, besides = ROWS[kind]
    assert paths(files)
    assert [] == [name for name in paths(files) + paths(besides) if not (ROOT / name).exists()]


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_change_touched_no_other_file_or_the_table_says_why(kind: str) -> None:
    files, commit, besides = ROWS[kind]
    if commit == "none":
        assert "first release" in besides
        return
    if git("rev-parse", "--is-shallow-repository").strip() == "true":
        git("fetch", "--unshallow", "--quiet")
    listed = [*paths(files), *paths(besides), "deploy/README.md"]
    strange = [
        name
        for name in names_today(commit.strip("`"))
        if not any(
            name == each or (each.endswith("/") and name.startswith(each)) for each in listed
        )
    ]
    assert [] == strange


def test_a_file_that_the_table_does_not_know_is_seen() -> None:
    assert "detector/settings/model.py" in names_today("c005382")
    assert "detector/bootstrap/worker.py" in names_today("8b5efbc")
