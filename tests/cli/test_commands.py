"""Every command says what it does, ends with a documented code, and never with a traceback."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from detector import bootstrap
from detector.cli.group import EPILOG, ExitCode
from detector.core.errors import PublishError
from detector.demo import run as demo
from detector.settings import Settings
from tests.cli.conftest import Invoke
from tests.support.ports import free_port

COMMANDS = [
    ("run",),
    ("actuate",),
    ("demo",),
    ("check",),
    ("decode",),
    ("tail",),
    ("topics", "create"),
    ("topics", "check"),
    ("topics", "show"),
    ("kill-switch", "on"),
    ("kill-switch", "off"),
    ("kill-switch", "status"),
]


def words(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


@pytest.mark.parametrize("command", [(), *COMMANDS], ids=" ".join)
def test_help_tells_the_exit_codes(invoke: Invoke, command: tuple[str, ...]) -> None:
    result = invoke(*command, "--help", COLUMNS="200")
    assert 0 == result.exit_code
    assert words(EPILOG) in words(result.output)


@pytest.mark.parametrize("command", [("topics",), ("kill-switch",)], ids=" ".join)
def test_a_group_alone_shows_its_commands(invoke: Invoke, command: tuple[str, ...]) -> None:
    assert "--help" in invoke(*command).output


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("tail", "nonsense"),
        ("kill-switch", "on"),
        ("run", "--nonsense"),
        ("decode",),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_two(invoke: Invoke, arguments: tuple[str, ...]) -> None:
    assert ExitCode.USAGE == invoke(*arguments).exit_code


@pytest.mark.parametrize("name", ["run", "actuate"])
def test_processes_are_started_with_the_settings(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    given: list[Settings] = []

    def start(settings: Settings) -> int:
        given.append(settings)
        return 7

    role = {"run": "run_worker", "actuate": "run_actuator"}[name]
    monkeypatch.setattr(bootstrap, role, start)
    (tmp_path / "other.toml").write_text('worker_id = "w9"\n')
    result = invoke(name, "--config", "other.toml", DETECTOR_BROKER="b:1")
    assert (7, "w9", "b:1") == (result.exit_code, given[0].worker_id, given[0].broker)
    result = invoke(name, DETECTOR_CONFIG="other.toml")
    assert "w9" == given[1].worker_id


def test_the_demo_gets_its_options(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[demo.DemoOptions] = []

    def show(options: demo.DemoOptions) -> int:
        given.append(options)
        return 0

    monkeypatch.setattr(demo, "run_demo", show)
    assert 0 == invoke("demo").exit_code
    assert 0 == invoke("demo", "--once", "--json", "--seed", "5", "--no-screen").exit_code
    assert demo.DemoOptions(once=False, json_output=False, seed=None, screen=True) == given[0]
    assert demo.DemoOptions(once=True, json_output=True, seed=5, screen=False) == given[1]


def test_invalid_settings_are_three_with_a_line_for_each_fault(
    invoke: Invoke, tmp_path: Path
) -> None:
    (tmp_path / "detector.toml").write_text('mode = "act"\n[windows]\nwindow_panes = 0\n')
    result = invoke("run")
    expected = [
        "detector.toml:1: mode: found 'act', expected 'observe' or 'enforce'",
        "detector.toml:3: windows.window_panes: found 0, expected at least 1",
    ]
    assert (ExitCode.INVALID, "", expected) == (
        result.exit_code,
        result.stdout,
        result.stderr.splitlines(),
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("topics", "create"),
        ("topics", "check"),
        ("topics", "show"),
        ("tail", "alarms"),
        ("kill-switch", "status"),
        ("kill-switch", "on", "--reason", "x"),
    ],
    ids=" ".join,
)
def test_no_broker_is_four_in_one_line(invoke: Invoke, arguments: tuple[str, ...]) -> None:
    env = {"DETECTOR_KAFKA__REQUEST_TIMEOUT_SECONDS": "0.5"}
    result = invoke(*arguments, DETECTOR_BROKER=f"127.0.0.1:{free_port()}", **env)
    assert ExitCode.UNREACHABLE == result.exit_code
    assert 1 == len(result.stderr.splitlines())
    assert result.stderr.startswith("no broker answered (")


def test_a_failure_of_ours_is_one_line(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_settings: Settings) -> int:
        raise PublishError("topic 'x\x1b[2J' took nothing")

    monkeypatch.setattr(bootstrap, "run_worker", fail)
    result = invoke("run")
    assert (ExitCode.PROBLEMS, "topic 'x\\x1b[2J' took nothing\n") == (
        result.exit_code,
        result.stderr,
    )


def test_an_interruption_ends_as_shells_expect(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_settings: Settings) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "run_worker", interrupt)
    assert (130, "") == (invoke("run").exit_code, invoke("run").stderr)


def test_a_mistake_in_the_program_is_not_hidden(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(_settings: Settings) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(bootstrap, "run_worker", break_down)
    assert isinstance(invoke("run").exception, ZeroDivisionError)


def detector(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "detector", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def test_help_loads_neither_clients_nor_numbers() -> None:
    """A slow --help is the first thing that a newcomer would see."""
    code = "import sys, detector.cli; print([m for m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    heavy = {"numpy", "scipy", "faust", "aiokafka", "confluent_kafka", "pydantic", "aiohttp"}
    assert set() == heavy & set(found.stdout.replace("'", "").strip("[]\n").split(", "))


def test_the_real_program_ends_with_the_codes(tmp_path: Path) -> None:
    source = str(Path(__file__).parents[2])
    env = {**os.environ, "PYTHONPATH": source, "DETECTOR_MODE": "act", "NO_COLOR": "1"}
    refused = detector("run", cwd=tmp_path, env=env)
    line = "environment DETECTOR_MODE: mode: found 'act', expected 'observe' or 'enforce'\n"
    assert (3, "", line) == (refused.returncode, refused.stdout, refused.stderr)
    shown = detector("check", "--example", cwd=tmp_path, env=env)
    assert (0, "") == (shown.returncode, shown.stderr)
    assert shown.stdout.startswith("# Every setting")
    assert 2 == detector("nonsense", cwd=tmp_path, env=env).returncode


def test_a_reader_who_has_seen_enough_is_no_failure(tmp_path: Path) -> None:
    """As in `detector check --example | head -1`."""
    source = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-m", "detector", "check", "--example"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": source},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert b"" == process.stderr.read()
    assert 0 == process.returncode
