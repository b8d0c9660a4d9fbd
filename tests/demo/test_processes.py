"""Children get their settings from the demo alone, are ready when they say so, and always end."""

import sys
import time
from pathlib import Path

import pytest

from detector.demo import processes as demo_processes
from detector.demo.processes import Child, Children, child_environment

PROGRAM = """
import sys, time, signal
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("starting", flush=True)
if sys.argv[2] == "broken":
    sys.exit(3)
sys.stdout.write('{"event": "re')
sys.stdout.flush()
time.sleep(0.3)
print('ady"}', flush=True)
time.sleep(60)
"""


@pytest.fixture
def interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for the interpreter that runs ``-m detector <subcommand>``."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    stand_in = tmp_path / "python"
    stand_in.write_text(f'#!/bin/sh\nexec {sys.executable} {program} detector "$3"\n')
    stand_in.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stand_in))
    return tmp_path


def child(folder: Path, subcommand: str) -> Child:
    return Child(subcommand, [subcommand], env={}, folder=folder)


def wait_until_ready(started: Child) -> None:
    deadline = time.monotonic() + 20.0
    while not started.is_ready:
        assert time.monotonic() < deadline, started.log_tail()
        assert started.returncode is None, started.log_tail()
        time.sleep(0.01)


def test_settings_of_the_user_do_not_reach_a_child(tmp_path: Path) -> None:
    parent = {"DETECTOR_BROKER": "theirs:9092", "DETECTOR_X": "1", "HOME": "h", "PYTHONPATH": "p"}
    env = child_environment(parent, {"DETECTOR_BROKER": "ours:1"}, tmp_path)
    assert {"DETECTOR_BROKER": "ours:1"} == {k: v for k, v in env.items() if "DETECTOR" in k}
    assert ("h", str(tmp_path)) == (env["HOME"], env["TMPDIR"])
    assert env["PYTHONPATH"].endswith(":p")


def test_a_child_is_ready_once_the_whole_line_is_written_and_ends_on_request(
    interpreter: Path,
) -> None:
    with Children() as children:
        started = children.add(child(interpreter, "well"))
        assert not started.is_ready
        wait_until_ready(started)
        assert "" == children.trouble()
    assert started.returncode is not None


def test_a_child_that_ends_by_itself_is_named_with_its_last_words(interpreter: Path) -> None:
    with Children() as children:
        broken = children.add(child(interpreter, "broken"))
        broken._process.wait(20.0)
        assert "the broken exited with code 3; its last log lines:\nstarting" == children.trouble()
        assert not broken.is_ready


def test_a_child_that_does_not_obey_is_killed(
    interpreter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_processes, "_GRACE_SECONDS", 0.2)
    with Children() as children:
        stubborn = children.add(child(interpreter, "stubborn"))
        wait_until_ready(stubborn)
    assert -9 == stubborn.returncode
