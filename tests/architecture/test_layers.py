"""Rooms import downwards only; the rooms of an event are pure; one module reads the clock.

import-linter, which also follows imports of imports, judges its own contracts (a step of
``deploy/test``). Here one violation of each kind is planted into a copy of the package, to see that
each contract refuses it; and what import-linter cannot say is read from the sources.
"""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "detector"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
CONTRACTS = {each["name"]: each for each in PROJECT["importlinter"]["contracts"]}
PURE = ("core", "logs", "rules", "tables", "detection", "decisions", "ingest", "actuation")
"""The rooms that a log event meets, from its bytes to what was done about it."""

CLOCKS = {
    *(f"datetime.datetime.{name}" for name in ("now", "today", "utcnow")),
    "datetime.date.today",
    *(f"time.{name}" for name in ("time", "time_ns", "monotonic", "monotonic_ns")),
}
CHANCE = {"numpy.random"}

LIBRARIES = set("cramjam datasketches msgspec numpy re2 scipy".split())
STANDARD = set(
    "bisect collections contextlib dataclasses datetime enum functools hashlib heapq itertools "
    "json math re sys types typing zlib".split()
)
"""Of ``sys`` only the largest float; of ``zlib`` only compression of bytes in memory."""

SERVICES = {
    "detector.core.finishing",
    "detector.decisions.service",
    "detector.detection.service",
    "detector.ingest.tallying",
    "detector.rules.admin",
    "detector.rules.live_rules",
}
"""Use cases that await ports: the modules of pure rooms that may import asyncio."""

PROVIDERS = {"detector.actuation.executors", "detector.rules.rule_files"}
"""Modules with input or output of their own; what they may import is in the contract."""

PLANTED = {
    "detector/logs/values.py": "import detector.tables.windows",
    "detector/tables/windows.py": "from detector.detection.alarms import AlarmChange",
    "detector/detection/service.py": "import aiokafka",
    "detector/decisions/service.py": "import subprocess",
    "detector/ingest/tallying.py": "import faust",
    "detector/rules/match.py": "import random",
    "detector/detection/statistics.py": "import logging",
    "detector/core/ports.py": "from detector.settings import Settings",
    "detector/kafka/publisher.py": "from detector.settings.model import Settings",
    "detector/pipeline.py": "import detector.cloudwatch.metrics.series",
    "detector/kafka/record_log.py": "from detector.telemetry.clock import Clock",
    "detector/telemetry/logs.py": "from detector.kafka import publisher",
    "detector/cli/options.py": "from detector.kafka import faust_app",
}
"""One forbidden import of each kind; each must show in what import-linter reports."""

PLANTED_CALLS = {
    "detector/detection/fleet_noise.py": "import numpy as np\nA = np.random.default_rng(1)",
    "detector/tables/merge.py": "import time\nA = time.time()",
    "detector/decisions/decide.py": "from datetime import datetime\nA = datetime.now()",
}


def module_of(path: Path) -> str:
    """Name the module of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room_of(module: str) -> str:
    """Name the room of a module, empty for the package itself."""
    return module.split(".")[1] if "." in module else ""


def imported(source: str) -> Iterator[str]:
    """Every name that a source imports, also inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module or ""


def not_allowed(module: str, source: str) -> set[str]:
    """Imports of a module of a pure room that are on no list."""
    allowed = LIBRARIES | STANDARD | {"detector"}
    if module in SERVICES:
        allowed |= {"asyncio"}
    return {name for name in imported(source) if name.split(".")[0] not in allowed}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the package with every violation planted."""
    place = tmp_path_factory.mktemp("planted")
    shutil.copytree(PACKAGE, place / "detector", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", place)
    for name, line in {**PLANTED, **PLANTED_CALLS}.items():
        with (place / name).open("a") as file:
            file.write(f"\n{line}\n")
    return place


@pytest.fixture(scope="module")
def report(copy: Path) -> str:
    """Return what import-linter says of the copy, on one line."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return re.sub(r"\s+", " ", done.stdout)


def test_every_contract_refuses_what_is_planted(report: str) -> None:
    kept = [name for name in CONTRACTS if f"{name} BROKEN" not in report]
    assert [] == kept


@pytest.mark.parametrize("name", PLANTED)
def test_every_planted_import_is_named(name: str, report: str) -> None:
    module = name.removesuffix(".py").replace("/", ".")
    target = re.findall(r"(?:from|import) ([\w.]+)", PLANTED[name])[0]
    assert re.search(rf"{re.escape(module)} -> {re.escape(target)}", report)


@pytest.mark.parametrize("name", PLANTED_CALLS)
def test_a_planted_clock_or_a_drawn_number_is_refused(name: str, copy: Path) -> None:
    ruff = str(Path(sys.executable).with_name("ruff"))
    command = [ruff, "check", "--no-cache", "--select", "TID251", "--output-format", "concise"]
    done = subprocess.run([*command, name], cwd=copy, capture_output=True, text=True, check=False)
    assert "TID251" in done.stdout


def test_a_planted_library_is_on_no_list() -> None:
    source = FILES["detector.detection.statistics"].read_text() + "\nimport requests\n"
    assert {"requests"} == not_allowed("detector.detection.statistics", source)
    assert {"asyncio"} == not_allowed("detector.tables.merge", "import asyncio")


def test_every_directory_is_a_room_and_every_room_has_its_floor() -> None:
    """Contract ``containers`` is exhaustive, so import-linter refuses a room that it lacks."""
    layers = CONTRACTS["Rooms import downwards only"]["layers"]
    listed = {part.strip() for line in layers for part in line.split("|")}
    found = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert listed == found | {"pipeline"}


@pytest.mark.parametrize(
    "contract", [name for name, each in CONTRACTS.items() if "source_modules" in each]
)
def test_every_contract_speaks_of_rooms_that_exist(contract: str) -> None:
    sources = {each.removeprefix("detector.") for each in CONTRACTS[contract]["source_modules"]}
    assert sources <= {room_of(module) for module in FILES}
    assert set(PURE) <= sources


def test_the_pure_rooms_import_no_library_but_these() -> None:
    found = {
        module: refused
        for module, path in FILES.items()
        if room_of(module) in PURE and module not in PROVIDERS
        if (refused := not_allowed(module, path.read_text()))
    }
    assert {} == found


def test_the_clock_is_read_in_one_module_and_chance_is_drawn_in_one_room() -> None:
    """Ruff bans the functions by name (TID251) everywhere but there."""
    lint = PROJECT["ruff"]["lint"]
    assert set(lint["flake8-tidy-imports"]["banned-api"]) == CLOCKS | CHANCE
    allowed = {pattern for pattern, codes in lint["per-file-ignores"].items() if "TID251" in codes}
    rooms = {"detector/telemetry/clock.py", "detector/gameday/**"}
    assert rooms | {"deploy/**", "tests/**"} == allowed
    assert ["ALL"] == lint["select"]
    assert "TID251" not in lint["ignore"]
    excused = [module for module, path in FILES.items() if "TID251" in path.read_text()]
    assert [] == excused
