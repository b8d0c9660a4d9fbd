"""Rule files are read all, or refused with every fault of every file."""

import json
import shutil
from pathlib import Path

import pytest

from detector.core.errors import RuleError
from detector.rules.rule_files import load_rules

BAD = Path(__file__).parent / "files" / "bad"
SHIPPED = Path(__file__).parent.parent.parent / "deploy" / "rules"


def faults_of(directory: Path) -> list[str]:
    with pytest.raises(RuleError) as caught:
        load_rules(directory)
    return str(caught.value).splitlines()


def test_the_shipped_rules_are_these_in_name_order() -> None:
    assert [
        "connection-failures-by-host",
        "faults-by-caller",
        "faults-by-host",
        "faults-by-zone",
        "latency-over-threshold-by-host",
    ] == [rule.name for rule in load_rules(SHIPPED)]


@pytest.mark.parametrize("path", sorted(BAD.glob("*.json")), ids=lambda path: path.stem)
def test_a_bad_file_is_reported_as_written_beside_it(path: Path, tmp_path: Path) -> None:
    shutil.copy(path, tmp_path)
    expected = path.with_suffix(".expected").read_text().splitlines()
    assert [f"{tmp_path / path.name}:{line}" for line in expected] == faults_of(tmp_path)


def test_every_bad_file_has_its_message_beside_it() -> None:
    assert {path.stem for path in BAD.glob("*.json")} == {
        path.stem for path in BAD.glob("*.expected")
    }


def test_faults_of_all_files_are_reported_at_once_in_name_order() -> None:
    expected = [
        f"{path}:{line}"
        for path in sorted(BAD.glob("*.json"))
        for line in path.with_suffix(".expected").read_text().splitlines()
    ]
    assert expected == faults_of(BAD)


def test_good_files_beside_a_bad_one_are_not_used(tmp_path: Path) -> None:
    shutil.copy(SHIPPED / "faults-by-host.json", tmp_path)
    shutil.copy(BAD / "empty.json", tmp_path)
    assert len(faults_of(tmp_path)) == 1


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("about the rules")
    assert load_rules(tmp_path).rules == ()


def test_a_missing_directory_is_a_fault(tmp_path: Path) -> None:
    missing = tmp_path / "rules"
    expected = "found no such directory, expected a directory of rule files (*.json)"
    assert [f"{missing}: {expected}"] == faults_of(missing)


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.mkdir()
    expected = "found an unreadable file (is a directory), expected a rule"
    assert [f"{path}: {expected}"] == faults_of(tmp_path)


def test_a_huge_file_is_refused_for_its_length(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b" " * 10_000_000)
    expected = "found 262144 characters, expected at most 8192"
    assert [f"{path}:1: definition: {expected}"] == faults_of(tmp_path)


def test_a_file_name_is_the_rule_s_name_and_must_be_one(tmp_path: Path) -> None:
    path = tmp_path / "fäults.json"
    shutil.copy(SHIPPED / "faults-by-host.json", path)
    (line,) = faults_of(tmp_path)
    assert line.startswith(f"{path}: rule name: found ")


def test_lenient_reads_rules_beyond_cloudwatch_s_limits(tmp_path: Path) -> None:
    rule = json.loads((SHIPPED / "faults-by-host.json").read_text())
    rule["Contribution"]["Filters"] *= 5
    (tmp_path / "five-filters.json").write_text(json.dumps(rule))
    (only,) = load_rules(tmp_path, lenient=True)
    assert ("five-filters", 5) == (only.name, len(only.filters))
    assert len(faults_of(tmp_path)) == 1
