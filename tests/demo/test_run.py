"""The demo ends everything that it started, says why it failed, and exits as it promised."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from detector.demo import run as demo
from detector.demo.run import DemoOptions, run_demo
from detector.demo.state import DemoState
from tests.demo.builders import BLAMED, FLEET, SCRIPT, TOPICS, at

RUN = """
import sys
from detector.demo.run import run_demo
from detector.demo.run import DemoOptions
raise SystemExit(run_demo(DemoOptions(once=sys.argv[1] == "once", seed=7, screen=False)))
"""


def a_demo(tmp_path: Path, *, once: bool = True) -> demo._Demo:
    return demo._Demo(DemoOptions(once=once), FLEET, Console(stderr=True), tmp_path)


def test_once_ends_shortly_after_the_last_thing_was_seen(tmp_path: Path) -> None:
    state = DemoState(SCRIPT, TOPICS)
    state.seen.host_alarm, state.seen.host_action, state.seen.zone_alarm = at(50), at(51), at(115)
    verdicts = [a_demo(tmp_path)._exit_code(state, at(second)) for second in (115.0, 117.9, 118.0)]
    assert [None, None, 0] == verdicts
    assert a_demo(tmp_path, once=False)._exit_code(state, at(10_000.0)) is None


def test_once_gives_up_after_240_seconds_and_names_what_it_did_not_see(tmp_path: Path) -> None:
    state = DemoState(SCRIPT, TOPICS)
    state.seen.host_alarm, state.seen.zone_alarm = at(50), at(115)
    run = a_demo(tmp_path)
    run._began = at(0.0)
    assert run._exit_code(state, at(239.9)) is None
    with pytest.raises(demo.DemoError) as error:
        run._exit_code(state, at(240.0))
    assert f"after 240 s not seen: an accepted action on host {BLAMED.host}" == str(error.value)


def test_the_last_line_on_stdout_is_one_json_object(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = demo._Demo(
        DemoOptions(once=True, json_output=True), FLEET, Console(stderr=True), tmp_path
    )
    run.report()
    assert "" == capsys.readouterr().out
    run._state = DemoState(SCRIPT, TOPICS)
    run.report()
    keys = (
        "seconds_to_host_alarm seconds_to_action seconds_to_zone_alarm host zone "
        "wrong_actions events late dead_letters"
    )
    assert keys.split() == list(json.loads(capsys.readouterr().out))


def test_a_seed_that_no_fleet_has_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == run_demo(DemoOptions(seed=-1))
    assert "demo failed: seed is -1, expected 0 to" in capsys.readouterr().err


@pytest.mark.embedded
def test_a_worker_that_cannot_start_ends_the_demo_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no such luck; exit 9\n")
    broken.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(broken))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(demo.tempfile, "tempdir", None)  # type: ignore[attr-defined]
    assert 1 == run_demo(DemoOptions(once=True, seed=7, screen=False))
    said = capsys.readouterr().err
    assert "demo failed: the topics could not be created:\nno such luck" in said
    (folder,) = tmp_path.glob("detector-demo-*")
    assert f"logs are kept in {folder}" in said
    assert "no such luck\n" == (folder / "topics.log").read_text()


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("number", "mode", "code"),
    [(signal.SIGINT, "forever", 0), (signal.SIGTERM, "once", 130)],
)
def test_an_interrupted_demo_leaves_no_process_and_no_file(
    number: signal.Signals, mode: str, code: int, tmp_path: Path
) -> None:
    """What it starts carries the temporary folder in its environment, so that it can be found."""
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, mode], stderr=subprocess.PIPE, text=True, env=env
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "topics: ..." in line:
            break
    process.send_signal(number)
    said = process.stderr.read()
    assert code == process.wait(30.0), said
    process.stderr.close()
    assert said.endswith("stopped\n")
    assert [] == list(tmp_path.glob("detector-demo-*"))
    assert [] == processes_with(str(tmp_path))


def test_a_signal_that_comes_while_a_process_is_started_waits_until_it_is_known() -> None:
    passed: list[str] = []

    def start() -> None:
        with demo._stopped_by_signals():
            with demo._interruptions_later():
                signal.raise_signal(signal.SIGTERM)
                signal.raise_signal(signal.SIGINT)
                passed.append("known")
            passed.append("lost")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert ["known"] == passed


def processes_with(text: str) -> list[str]:
    """Command lines of running processes whose environment holds ``text`` (Linux alone)."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if text.encode() in environment.read_bytes():
                found.append((environment.parent / "cmdline").read_text())
        except OSError:
            continue
    return found
