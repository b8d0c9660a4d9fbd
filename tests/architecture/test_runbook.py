"""The runbook is true: its ports, topics, commands, variables, files and links exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from detector.core.topics import Topics
from detector.settings import every_setting

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    (ROOT / "deploy" / "README.md").read_text(),
    *(path.read_text() for path in sorted((ROOT / "deploy" / "docs").glob("*.md"))),
]
RUNBOOK = "\n".join(PAGES)
CODE = re.findall(r"```sh\n(.*?)```", RUNBOOK, re.DOTALL) + re.findall(r"`([^`\n]+)`", RUNBOOK)
COMMAND = re.compile(r"(?:^|/|exec \w+ )detector ([a-z][a-z-]*)(?: ([a-z-]+))?", re.MULTILINE)
KEPT = {"forever": None, "1 day": "86400000", "7 days": "604800000", "30 days": "2592000000"}


def table(heading: str) -> list[list[str]]:
    """Rows of the table under a heading, without the head."""
    [section] = re.findall(rf"^## {heading}\n(.*?)(?=^## )", RUNBOOK, re.MULTILINE | re.DOTALL)
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip().strip("`") for cell in row.strip("|").split("|")] for row in rows]


def commands() -> set[tuple[str, ...]]:
    """Subcommands of ``detector`` that the text shows."""
    words = {
        "actuate",
        "api",
        "backtest",
        "check",
        "decode",
        "demo",
        "kill-switch",
        "rules",
        "run",
        "tail",
        "topics",
    }
    groups = {
        "kill-switch": {"on", "off", "status"},
        "rules": {"list", "put", "enable", "disable", "delete", "tag"},
        "topics": {"create", "check", "show"},
    }
    found: set[tuple[str, ...]] = set()
    for code in CODE:
        for first, second in COMMAND.findall(code):
            assert first in words, f"detector {first}"
            found.add((first, second) if second in groups.get(first, ()) else (first,))
    return found


def test_the_ports_are_those_that_the_compose_file_publishes() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    published = {
        (port.split(":")[1], name)
        for name, service in services.items()
        for port in service.get("ports", [])
    }
    assert published == {(port, service) for port, service, _ in table("Ports")}


def test_the_topics_are_those_that_the_product_makes() -> None:
    expected = [
        [
            spec.name,
            str(spec.partitions),
            spec.config["cleanup.policy"],
            spec.config.get("retention.ms"),
        ]
        for spec in Topics().specs()
    ]
    assert expected == [[*row[:3], KEPT[row[3]]] for row in table("Topics")]


def test_every_topic_and_group_in_the_text_exists() -> None:
    topics = Topics()
    known = {spec.name for spec in topics.specs()} | {topics.logs}
    known |= {topics.app_id, f"{topics.app_id}-actuator", f"{topics.app_id}-console"}
    used = set(re.findall(r"(?:-t|--topic) (\S+?)[`\s]", RUNBOOK))
    used |= {
        name.strip("`") for row in table("Security") for name in re.findall(r"`[^`]+`", row[1])
    }
    used |= {
        name for row in table("Security") for name in re.findall(r"detector[.-][a-z-]+", row[1])
    }
    assert set() == used - known


@pytest.mark.parametrize("command", sorted(commands()), ids=" ".join)
def test_every_command_in_the_text_exists(command: tuple[str, ...]) -> None:
    line = [sys.executable, "-m", "detector", *command, "--help"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)


def test_every_variable_in_the_text_is_a_setting() -> None:
    settings = {f"DETECTOR_{'__'.join(path)}".upper() for path in every_setting()}
    assert set() == set(re.findall(r"\bDETECTOR_\w+", RUNBOOK)) - settings


def test_every_file_and_link_in_the_text_exists() -> None:
    files = re.findall(r"`((?:deploy|detector)/[\w./-]+)`", RUNBOOK)
    assert [] == [name for name in files if not (ROOT / name).exists()]
    for page in PAGES:
        titles = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
        assert set() == set(re.findall(r"\]\(#([\w-]+)\)", page)) - anchors
