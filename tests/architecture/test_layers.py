"""Dependencies point inwards, adapters meet only in bootstrap, and one module reads the clock.

import-linter, which knows imports of imports too, is the judge of its own contracts (a step of
``deploy/test``); here its contracts are held to the layers that exist, and what it cannot say is
read from the sources.
"""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "detector"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
CONTRACTS = {each["name"]: each for each in PROJECT["importlinter"]["contracts"]}
LAYERS = ["cli", "bootstrap", "adapters", "gameday", "services", "stages", "domain"]
"""Outermost first; adapters and the game day stand beside each other."""

CLOCKS = {
    *(f"datetime.datetime.{name}" for name in ("now", "today", "utcnow")),
    "datetime.date.today",
    *(f"time.{name}" for name in ("time", "time_ns", "monotonic", "monotonic_ns")),
}


def module_of(path: Path) -> str:
    """Name the module of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(path: Path) -> Iterator[str]:
    """Every name that a file imports, also inside functions: modules and what is taken of them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules_used(path: Path) -> set[str]:
    """Modules of the product that a file imports."""
    return {name for name in imported(path) if name in FILES} - {module_of(path)}


def layer_of(module: str) -> str:
    """Name the directory below the package, empty for the package itself."""
    return module.split(".")[1] if "." in module else ""


def adapter_of(module: str) -> str:
    """Name the technology that a module below ``adapters`` belongs to."""
    return module.split(".")[2] if module.count(".") > 1 else ""


def test_every_directory_is_a_layer_or_the_settings() -> None:
    found = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert {*LAYERS, "settings"} == found


def test_import_linter_is_told_the_same_layers() -> None:
    listed = CONTRACTS["Dependencies point inwards"]["layers"]
    expected = [f"detector.{layer}" for line in listed for layer in _names(line)]
    assert expected == [f"detector.{layer}" for layer in LAYERS]
    assert "detector.adapters | detector.gameday" in listed


def _names(line: str) -> list[str]:
    return [part.strip().removeprefix("detector.") for part in line.split("|")]


@pytest.mark.parametrize("layer", ["stages", "adapters"])
def test_import_linter_is_told_that_modules_of_a_layer_are_independent(layer: str) -> None:
    independent = [each["modules"] for each in CONTRACTS.values() if each["type"] == "independence"]
    assert [f"detector.{layer}.*"] in independent


def test_no_adapter_imports_another_adapter() -> None:
    crossing = {
        (module, used)
        for module, path in FILES.items()
        if layer_of(module) == "adapters"
        for used in modules_used(path)
        if layer_of(used) == "adapters" and adapter_of(used) != adapter_of(module)
    }
    assert set() == {pair for pair in crossing if adapter_of(pair[1])}


def test_only_the_outermost_layers_know_concrete_adapters() -> None:
    """Commands that look at topics use them directly: no service stands between."""
    knowing = {
        layer_of(module)
        for module, path in FILES.items()
        if any(layer_of(used) == "adapters" for used in modules_used(path))
    }
    assert {"adapters", "bootstrap", "cli"} == knowing


def test_only_bootstrap_imports_what_hangs_the_product_into_faust() -> None:
    using = {
        layer_of(module)
        for module, path in FILES.items()
        for used in modules_used(path)
        if used in {"detector.kafka.faust_app", "detector.actuation.actuator_app"}
    }
    assert {"bootstrap"} == using


def test_settings_know_nothing_but_the_domain() -> None:
    known = {
        layer_of(used)
        for module, path in FILES.items()
        if layer_of(module) == "settings"
        for used in modules_used(path)
    }
    assert {"settings", "domain"} >= known


def test_the_inner_layers_import_no_library_but_these() -> None:
    """Nothing that reaches a file, a socket or a clock; of ``sys`` only the largest float."""
    allowed = set(
        "detector bisect datasketches msgspec numpy scipy collections dataclasses datetime enum "
        "functools hashlib heapq itertools json lark math re re2 sys typing".split()
    )
    # Calendars: a schedule's occurrences, and the rules of time zones, which are data.
    allowed |= {"cronsim", "zoneinfo"}
    used = {
        name.split(".")[0]
        for module, path in FILES.items()
        if layer_of(module) in {"domain", "stages"}
        for name in imported(path)
    }
    assert set() == used - allowed


def test_the_clock_is_read_in_one_module() -> None:
    """Ruff bans the functions by name (TID251) everywhere but there."""
    lint = PROJECT["ruff"]["lint"]
    assert set(lint["flake8-tidy-imports"]["banned-api"]) == CLOCKS
    allowed = {pattern for pattern, codes in lint["per-file-ignores"].items() if "TID251" in codes}
    assert {"detector/telemetry/clock.py", "deploy/**", "tests/**"} == allowed
    assert ["ALL"] == lint["select"]
    assert "TID251" not in lint["ignore"]
    excused = [module for module, path in FILES.items() if "TID251" in path.read_text()]
    assert [] == excused
