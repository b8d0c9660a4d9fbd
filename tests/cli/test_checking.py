"""``detector check`` tells every fault of settings and rules at once."""

import json
from pathlib import Path

from tests.cli.conftest import Invoke

GOOD_RULE = """{
  "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
  "LogGroupNames": ["*"], "LogFormat": "JSON",
  "Contribution": {"Keys": ["$.host"], "Filters": []},
  "AggregateOn": "Count"
}
"""


def test_the_shipped_rules_and_the_defaults_are_valid(invoke: Invoke) -> None:
    result = invoke("check")
    assert 0 == result.exit_code
    assert "settings are valid\nrules are valid: connection-failures-by-host, " in result.stdout


def test_faults_of_settings_and_rules_come_together(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "good.json").write_text(GOOD_RULE)
    bad = GOOD_RULE.replace('"Count"', '"Average"')
    (tmp_path / "rules" / "bad.json").write_text(bad)
    (tmp_path / "detector.toml").write_text('rules_dir = "rules"\nmode = "act"\n')
    result = invoke("check", "--output", "json")
    assert 3 == result.exit_code
    document = json.loads(result.stdout)
    assert not document["ok"]
    places = [(fault["file"], fault["line"], fault["member"]) for fault in document["faults"]]
    assert [("detector.toml", 2, "mode"), ("rules/bad.json", 5, "AggregateOn")] == places
    lines = invoke("check").stdout.splitlines()
    assert lines[0].startswith("detector.toml:2: mode: found 'act', expected")
    assert lines[1].startswith("rules/bad.json:5: AggregateOn: found")
    assert "2 faults" == lines[2]


def test_rules_are_looked_for_even_when_the_settings_are_no_toml(
    invoke: Invoke, tmp_path: Path
) -> None:
    (tmp_path / "detector.toml").write_text("[")
    result = invoke("check", DETECTOR_RULES_DIR="nowhere")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("detector.toml:1: found no TOML")
    assert lines[1].startswith("nowhere: found no such directory")
    assert invoke("check").stdout.splitlines()[1] == "1 fault"


def test_files_and_callbacks_are_opened_as_a_worker_would(invoke: Invoke) -> None:
    env = {"DETECTOR_SECURITY__PROTOCOL": "SSL", "DETECTOR_SECURITY__CA_FILE": __file__}
    result = invoke("check", **env)
    assert 3 == result.exit_code
    assert result.stdout.startswith("security.ca_file: found ")


def test_a_settings_file_that_is_asked_for_must_be_there(invoke: Invoke) -> None:
    result = invoke("check", "--config", "nowhere.toml")
    assert 3 == result.exit_code
    assert result.stdout.startswith("nowhere.toml: found no such file or directory")


def test_the_example_is_a_valid_file(invoke: Invoke, tmp_path: Path) -> None:
    example = invoke("check", "--example")
    (tmp_path / "detector.toml").write_text(example.stdout)
    assert 0 == invoke("check").exit_code
