"""``detector decode`` shows how each record would be understood."""

import json
from pathlib import Path

from tests.cli.conftest import Invoke

EMF = {
    "_aws": {
        "Timestamp": 1_700_000_000_000,
        "LogGroupName": "app",
        "CloudWatchMetrics": [
            {"Namespace": "n", "Dimensions": [[]], "Metrics": [{"Name": "Latency"}]}
        ],
    },
    "InstanceId": "i-1",
    "AZ-ID": "use1-az1",
    "Service": "shop",
    "Status": 503,
    "Latency": 12,
}
LINES = f"{json.dumps(EMF)}\n\nnonsense\n".encode()


def test_each_line_is_a_record(invoke: Invoke) -> None:
    result = invoke("decode", "-", "--output", "json", stdin=LINES)
    first, second = map(json.loads, result.stdout.splitlines())
    assert (1, "event", "emf") == (first["record"], first["outcome"], first["envelope"])
    assert {"value": "i-1", "from": "InstanceId"} == first["fields"]["host"]
    assert (2, "refused", "bad_json") == (second["record"], second["outcome"], second["reason"])
    assert 1 == result.exit_code
    assert "1 record was refused: a worker would send it to the dead letters\n" == result.stderr


def test_the_table_says_where_each_field_was_found(invoke: Invoke) -> None:
    text = invoke("decode", "-", stdin=LINES).stdout
    for part in (
        "time=2023-11-14T22:13:20+00:00 (emf Timestamp)",
        "host=i-1 (InstanceId)",
        "zone_id=use1-az1 (AZ-ID)",
        "faults=1 (Status)",
        "bad_json: ",
    ):
        assert part in text


def test_rules_that_count_the_record_are_named(invoke: Invoke) -> None:
    record = json.dumps({**EMF, "Faults": 2})
    entry = json.loads(invoke("decode", "-", "-o", "json", stdin=record).stdout)
    added = {each["rule"]: (each["keys"], each["value"]) for each in entry["rules"]}
    assert (["use1-az1"], 2.0) == added["faults-by-zone"]
    assert "faults-by-zone[use1-az1] +2" in invoke("decode", "-", stdin=record).stdout


def test_a_file_may_be_one_record(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text(json.dumps(EMF, indent=2))
    result = invoke("decode", "one.json", "--whole", "-o", "json")
    assert (0, "event") == (result.exit_code, json.loads(result.stdout)["outcome"])
    assert 1 == invoke("decode", "one.json").exit_code


def test_an_empty_record_counts_nothing(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    assert "nothing to count" in invoke("decode", "empty", "--whole").stdout


def test_what_a_producer_wrote_cannot_steer_the_terminal(invoke: Invoke) -> None:
    evil = json.dumps({**EMF, "InstanceId": "\x1b[2J[bold]i-1"})
    text = invoke("decode", "-", stdin=evil).stdout
    assert "\x1b" not in text
    assert "host=\\x1b[2J[bold]i-1" in text


def test_a_file_that_cannot_be_read_is_reported(invoke: Invoke) -> None:
    result = invoke("decode", "nowhere")
    assert (1, "cannot read 'nowhere': no such file or directory\n") == (
        result.exit_code,
        result.stderr,
    )
