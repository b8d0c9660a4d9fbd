"""``detector backtest`` tells what would have fired, as a table or as one JSON object."""

import json
import random
from pathlib import Path

import pytest

from tests.builders import START, emf
from tests.cli.conftest import Invoke

SETTINGS = """
[windows]
pane_seconds = 1
window_panes = 3
lateness_seconds = 0.5
idle_seconds = 1
patience_seconds = 3

[budgets]
healthy_floor = 0.5
"""
QUICK = SETTINGS + "\n[alarms]\nwindows_required = 1\nwindows_seen = 1\n"


@pytest.fixture
def recorded(tmp_path: Path) -> str:
    """Write 20 seconds of 12 hosts, one of them half broken, and two settings files."""
    chance = random.Random(1)
    lines = [
        emf(
            second * 1_000 + number,
            Requests=20,
            Faults=sum(chance.random() < (0.5 if number == 5 else 0.002) for _ in range(20)),
            Caller=f"c{chance.randrange(5)}",
            **{"AZ-ID": f"az{number % 3}", "InstanceId": f"h{number}"},
        )
        for second in range(20)
        for number in range(12)
    ]
    (tmp_path / "logs.ndjson").write_bytes(b"\n".join(lines))
    (tmp_path / "a.toml").write_text(SETTINGS)
    (tmp_path / "quick.toml").write_text(QUICK)
    return str(tmp_path / "logs.ndjson")


def test_json_is_one_object_and_the_same_bytes_again(invoke: Invoke, recorded: str) -> None:
    first = invoke("backtest", recorded, "-c", "a.toml", "-o", "json")
    second = invoke("backtest", recorded, "-c", "a.toml", "-o", "json")
    assert (0, first.stdout) == (first.exit_code, second.stdout)
    document = json.loads(first.stdout)
    [result] = document["results"]
    assert (None, "a", 240) == (document["differences"], result["configuration"], result["records"])
    assert 1 == result["cost"]["hosts_replaced"]
    assert "h5" == result["rulings"][0]["target"]["host"]


def test_two_configurations_are_compared(invoke: Invoke, recorded: str) -> None:
    arguments = ("backtest", recorded, "-c", "a.toml", "--against", "quick.toml", "-o", "json")
    document = json.loads(invoke(*arguments).stdout)
    assert ["a", "b"] == [result["configuration"] for result in document["results"]]
    host = next(each for each in document["differences"] if each["subject"] == "fleet:checkout")
    assert host["first_raised_b"] < host["first_raised_a"]


def test_tables_show_what_fired_what_was_ruled_and_what_differs(
    invoke: Invoke, recorded: str
) -> None:
    result = invoke("backtest", recorded, "-c", "a.toml", "--against", "quick.toml")
    assert 0 == result.exit_code
    for part in (
        "hosts replaced", "raised by a", "decided by b", "checkout/az2/h5", "granted", "observed",
        "differs", "fleet:checkout az2 h5",
    ):  # fmt: skip
        assert part in result.stdout
    assert "never" in result.stdout


def test_the_same_configuration_twice_differs_in_nothing(invoke: Invoke, recorded: str) -> None:
    result = invoke("backtest", recorded, "-c", "a.toml", "--against", "a.toml")
    assert (
        "a and b raise the same alarms at the same times and grant the same actions"
        in result.stdout
    )


def test_other_rules_can_be_tried(invoke: Invoke, recorded: str, tmp_path: Path) -> None:
    (tmp_path / "no-rules").mkdir()
    arguments = ("backtest", recorded, "-c", "a.toml", "-o", "json")
    document = json.loads(invoke(*arguments, "--against-rules", "no-rules").stdout)
    with_rules, without = (
        {each["subject"] for each in result["fired"]} for result in document["results"]
    )
    assert {"fleet:checkout"} == without
    assert without < with_rules
    again = json.loads(invoke(*arguments, "--rules", "no-rules").stdout)
    assert {"fleet:checkout"} == {each["subject"] for each in again["results"][0]["fired"]}


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (str(START + 5_000), str(START + 10_000)),
        ("2023-11-14T22:13:25Z", "2023-11-14T22:13:30"),
        ("2023-11-14T23:13:25+01:00", "2023-11-14T22:13:30.000Z"),
    ],
)
def test_a_range_is_read(invoke: Invoke, recorded: str, begin: str, end: str) -> None:
    arguments = ("backtest", recorded, "-c", "a.toml", "-o", "json", "--from", begin, "--to", end)
    [result] = json.loads(invoke(*arguments).stdout)["results"]
    assert (60, START + 5_000) == (result["records"], result["from_ms"])


def test_what_is_no_time_is_refused(invoke: Invoke, recorded: str) -> None:
    result = invoke("backtest", recorded, "--from", "yesterday")
    document = (
        "found 'yesterday', expected a time such as 2026-11-25T10:00:00Z, or epoch milliseconds"
    )
    assert (1, f"{document}\n") == (result.exit_code, result.stderr)


def test_a_missing_file_is_reported(invoke: Invoke) -> None:
    result = invoke("backtest", "none.ndjson")
    assert (1, "cannot read 'none.ndjson': no such file or directory\n") == (
        result.exit_code,
        result.stderr,
    )


def test_rules_with_faults_are_reported(invoke: Invoke, recorded: str, tmp_path: Path) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "broken.json").write_text("{")
    result = invoke("backtest", recorded, "--rules", "bad")
    assert 3 == result.exit_code
    assert "bad/broken.json:1" in result.stderr
