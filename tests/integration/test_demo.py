"""The demo as a newcomer runs it: the right host, the right zone, and nobody else."""

import json
import os
import subprocess
import sys

import pytest

from detector.gameday.fleet import Fleet
from detector.gameday.script import Script
from tests.support import neighbours, tansu

SEED = 7

pytestmark = [pytest.mark.embedded, pytest.mark.slow]


def test_once_blames_whom_the_script_blames_and_loses_nothing() -> None:
    if parts := tansu.missing_parts():
        neighbours.give_up(parts)
    command = [sys.executable, "-m", "detector", "demo", "--once", "--json", "--no-screen"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("DETECTOR_")}
    done = subprocess.run(
        [*command, "--seed", str(SEED)],
        capture_output=True,
        text=True,
        env=env,
        timeout=320,
        check=False,
    )
    print(done.stderr)
    assert 0 == done.returncode
    result = json.loads(done.stdout.splitlines()[-1])
    blamed = Script.default(Fleet(SEED), 0).expected()
    assert (blamed.host, blamed.zone) == (result["host"], result["zone"])
    assert (0, 0, 0) == (result["wrong_actions"], result["late"], result["dead_letters"])
    # The sequential test needs no second window, and the first closes five seconds after its end;
    # of a zone three windows must agree.
    assert 5.0 <= result["seconds_to_host_alarm"] <= result["seconds_to_action"] <= 75.0
    assert 25.0 <= result["seconds_to_zone_alarm"] <= 75.0
    assert result["events"] > 2_000 * 100
