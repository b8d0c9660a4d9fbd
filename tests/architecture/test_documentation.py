"""What the pages say is true: links resolve, commands and settings exist, examples parse.

``test_runbook.py`` and ``test_alerts.py`` check what only the runbook says (ports, topics, alerts),
``test_words.py`` metrics and reasons.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from deploy.benchmarks.figures import BOUNDS
from detector.cli import app
from detector.cli.commands import Tailed
from detector.core.topics import Topics
from detector.decisions.budgets import at_least_one, healthy_needed
from detector.decisions.config import DecideConfig
from detector.demo.state import DemoState
from detector.demo.summary import measured
from detector.gameday.fleet import Fleet
from detector.gameday.script import Script
from detector.rules.parser import parse_rule
from detector.rules.rules import Aggregate, Operator
from detector.settings import every_setting
from detector.tables.windows import WindowTimes

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    name: (ROOT / name).read_text()
    for name in (
        "README.md",
        "detector/README.md",
        "deploy/README.md",
        *(f"deploy/docs/{path.name}" for path in sorted((ROOT / "deploy" / "docs").glob("*.md"))),
    )
}
README = PAGES["README.md"]
CODE_MAP = PAGES["detector/README.md"]
SETTINGS = {".".join(path) for path in every_setting()}
STAGES = {
    "decode": "logs",
    "match": "rules",
    "tally": "tables",
    "merge": "tables",
    "evaluate": "detection",
    "decide": "decisions",
}
"""The steps of an event in their order, with their rooms."""

SCRIPTS = (
    *("deploy/demo", "deploy/test", "deploy/bench", "deploy/quality"),
    *("deploy/lib/setup.sh", ".ci/run"),
)


def blocks(page: str, language: str) -> list[str]:
    """Code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], re.MULTILINE | re.DOTALL)


def code(page: str) -> list[str]:
    """Everything that a page shows as something to type: lines of blocks, and inline code."""
    lines = [line.split("  #")[0] for block in blocks(page, "sh") for line in block.splitlines()]
    return lines + re.findall(r"`([^`\n]+)`", PAGES[page])


def links(page: str) -> list[str]:
    """Targets of a page's links that stay within the project."""
    return [to for to in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]) if "://" not in to]


def anchors(text: str) -> set[str]:
    """Anchors of a page's headings, as they are made for readers."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def command_lines(page: str) -> Iterator[list[str]]:
    """Words after ``detector`` wherever a page says to run it; quoted text is one word."""
    for line in code(page):
        found = re.match(r"(?:\.venv/bin/|.* exec \w+ )?detector ([a-z].*)", line)
        if found:
            yield re.sub(r'"[^"]*"', "TEXT", found[1]).split()


def rows(page: str, heading: str) -> list[list[str]]:
    """Rows of the first table under a heading, without the head."""
    section = PAGES[page].split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page: str) -> None:
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), link


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_named_exists(page: str) -> None:
    named = re.findall(r"`((?:\.ci|[a-z_]+)/[\w./-]*)`", PAGES[page])
    places = [(ROOT / page).parent, ROOT, ROOT / "detector"]
    assert [] == [name for name in named if not any((place / name).exists() for place in places)]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_product_exists_with_its_options(page: str) -> None:
    for words in command_lines(page):
        command: Any = typer.main.get_command(app)
        rest = list(words)
        while hasattr(command, "commands") and rest:
            assert rest[0] in command.commands, f"detector {' '.join(words)}"
            command = command.commands[rest.pop(0)]
        options = {name for parameter in command.params for name in parameter.opts}
        assert set() == {word for word in rest if word.startswith("--")} - options - {"--help"}
        assert words[0] != "tail" or rest[0] in set(Tailed)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_says_how_it_is_used(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    done = subprocess.run([ROOT / script, "--help"], capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith(f"usage: {script}")


@pytest.mark.parametrize("page", PAGES)
def test_every_script_that_is_shown_exists_with_its_options(page: str) -> None:
    for line in code(page):
        if not re.match(
            r"(?:bash )?(?:deploy/(?:demo|test|bench|quality|lib/.+)|\.ci/run)\b", line
        ):
            continue
        script, *options = line.removeprefix("bash ").split()
        assert script in SCRIPTS, line
        usage = subprocess.run(
            [ROOT / script, "--help"], capture_output=True, text=True, check=True
        ).stdout
        assert [] == [
            option
            for option in options
            if option not in {"--help", *re.findall(r"--[a-z-]+", usage)}
        ]


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_is_a_setting_or_read_by_the_tests(page: str) -> None:
    named = set(re.findall(r"\b(?:DETECTOR|TEST|SIMULATION)_[A-Z_]*[A-Z]\b", PAGES[page]))
    settings = {f"DETECTOR_{name.replace('.', '__')}".upper() for name in SETTINGS}
    sources = [
        path.read_text() for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)
    ]
    assert set() == {
        name for name in named - settings if not any(f'"{name}"' in text for text in sources)
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_setting_that_is_named_exists(page: str) -> None:
    sections = {name.split(".")[0] for name in SETTINGS if "." in name}
    named = re.findall(rf"`((?:{'|'.join(sections)})\.[a-z_]+)`", PAGES[page])
    assert [] == [name for name in named if name not in SETTINGS]
    assert set() == set(re.findall(r"`\[([a-z_]+)\]`", PAGES[page])) - sections


def test_the_picture_names_the_stages_in_their_order() -> None:
    [picture] = re.findall(
        r"^## How a log event flows\n+```\n(.*?)```", README, re.MULTILINE | re.DOTALL
    )
    steps = re.findall(r"│ (\d) (\w+)", picture)
    assert [str(number) for number in range(1, 7)] == [number for number, _ in steps]
    assert list(STAGES) == [name for _, name in steps]
    assert all((ROOT / "detector" / room / f"{name}.py").exists() for name, room in STAGES.items())
    known = {spec.name for spec in Topics().specs()}
    assert set() == set(re.findall(r"detector\.[a-z-]+", picture)) - known


def test_the_picture_shows_the_windows_that_are_the_default() -> None:
    times = WindowTimes()
    assert f"windows of {times.window_ms // 1000} s, sliding by {times.pane_ms // 1000} s" in README


def test_the_line_that_the_demo_prints_has_the_members_that_are_shown() -> None:
    [shown] = [block for block in blocks("README.md", "json") if "seconds_to_action" in block]
    fleet = Fleet(seed=1)
    state = DemoState(Script.default(fleet, 0), Topics())
    assert list(measured(state)) == list(json.loads(shown.replace(" ...", " 0")))
    assert (f"{len(fleet.hosts)} hosts", 3) == ("120 hosts", len(fleet.zones))
    assert "`deploy/demo` shows 120 hosts in three zones" in README


def test_the_rule_that_is_shown_is_a_rule_and_the_one_that_is_shipped() -> None:
    [shown] = [block for block in blocks("README.md", "json") if "CloudWatchLogRule" in block]
    rule = parse_rule(shown, name="faults-by-host")
    assert (Aggregate.SUM, [Operator.GREATER_THAN]) == (
        rule.aggregate_on,
        [each.operator for each in rule.filters],
    )
    shipped = (ROOT / "deploy" / "rules" / "faults-by-host.json").read_text()
    assert parse_rule(shipped, name="faults-by-host") == rule


def test_the_limits_that_are_promised_are_the_default() -> None:
    limits = DecideConfig()
    text = " ".join(README.split())
    assert f"older than {({600.0: 'ten'})[limits.evidence_max_age_seconds]} minutes" in text
    assert f"more than {limits.capacity.fraction:.0%}".replace("%", " %") in text
    assert ("in an hour" in text) is (limits.capacity.window_seconds == 3600.0)
    assert f"less than {limits.healthy_floor:.0%}".replace("%", " %") in text
    assert limits.mode.value in README.split("The mode is `")[1][:10]


def test_the_limits_of_small_fleets_are_those_of_the_decider() -> None:
    limits = DecideConfig()
    expected = []
    for hosts in (1, 2, 3, 10):
        needed = healthy_needed(limits.healthy_floor, hosts)
        removed = min(limits.capacity.fleet_limit(hosts), hosts - needed)
        sick = max(limits.too_many_sick_hosts, at_least_one(limits.too_many_sick_fraction, hosts))
        bounds = [str(removed), str(sick)] if removed else ["none", "-"]
        expected.append([str(hosts), str(needed), *bounds])
    assert expected == rows("README.md", "What it never does by itself")
    [(two_sick, two_removed)] = re.findall(
        r"from (\d+) hosts on, two removals per hour from (\d+)", README
    )
    assert [1, 2] == [
        at_least_one(limits.too_many_sick_fraction, int(two_sick) - less) for less in (1, 0)
    ]
    assert [1, 2] == [limits.capacity.fleet_limit(int(two_removed) - less) for less in (1, 0)]


def test_the_figures_are_those_of_the_benchmark() -> None:
    def number(bound: float | None) -> str:
        return "-" if bound is None else f"{bound:,g}"

    expected = [[f"`{key}`", number(each.must), number(each.aim)] for key, each in BOUNDS.items()]
    assert expected == [[row[0], row[2], row[3]] for row in rows("detector/README.md", "Figures")]


def test_the_code_map_links_every_stage() -> None:
    named = set(re.findall(r"\]\((\w+/\w+)\.py\)", CODE_MAP))
    assert {f"{room}/{name}" for name, room in STAGES.items()} <= named


def test_the_code_map_names_every_room() -> None:
    named = {room for row in rows("detector/README.md", "Rooms") for room in row[0].split(", ")}
    packages = {f"`{path.parent.name}/`" for path in (ROOT / "detector").glob("*/__init__.py")}
    assert packages | {"`pipeline.py`"} == named
