"""``detector rules check``, ``explain`` and ``test``."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Invoke

SHIPPED = Path(__file__).parents[2] / "deploy" / "rules"
RULE = {
    "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
    "LogGroupNames": ["*"],
    "LogFormat": "JSON",
    "Contribution": {"Keys": ["$.host"], "Filters": []},
    "AggregateOn": "Count",
}
FIVE = {"Filters": [{"Match": "$.f", "GreaterThan": 0}] * 5}


def write(tmp_path: Path, name: str = "mine", **members: Any) -> Path:
    (tmp_path / "rules").mkdir(exist_ok=True)
    path = tmp_path / "rules" / f"{name}.json"
    path.write_text(json.dumps(RULE | members, indent=1))
    return path


def examples(path: Path, **members: object) -> None:
    path.with_name(f"{path.stem}_test.json").write_text(json.dumps(members))


def test_the_shipped_rules_are_valid_and_every_one_has_examples_that_hold(invoke: Invoke) -> None:
    assert 0 == invoke("rules", "check").exit_code
    tested = invoke("rules", "test", "--output", "json")
    assert 0 == tested.exit_code
    document = [json.loads(line) for line in tested.stdout.splitlines()]
    assert all(each["ok"] for each in document)
    names = {path.stem for path in SHIPPED.glob("*.json") if not path.stem.endswith("_test")}
    assert names == {each["rule"] for each in document}


def test_check_tells_faults_of_a_file_or_a_directory(invoke: Invoke, tmp_path: Path) -> None:
    path = write(tmp_path, AggregateOn="Max")
    for place in (path, path.parent):
        result = invoke("rules", "check", str(place))
        assert 3 == result.exit_code
        assert (
            f'{path}:16: AggregateOn: found "Max", expected "Count" or "Sum"\n1 fault\n'
        ) == result.stdout
    document = json.loads(invoke("rules", "check", str(path), "-o", "json").stdout)
    assert ([16], False) == ([fault["line"] for fault in document["faults"]], document["ok"])
    assert 3 == invoke("rules", "check", str(tmp_path / "nowhere")).exit_code


def test_what_cloudwatch_would_refuse_is_a_warning_when_lenient(
    invoke: Invoke, tmp_path: Path
) -> None:
    path = write(tmp_path, Contribution={"Keys": ["$.host"], **FIVE})
    assert 3 == invoke("rules", "check", str(path)).exit_code
    expected = (
        f"{path}:14: Contribution.Filters: found 5 filters, expected a list of at most 4 filters "
        "(CloudWatch would refuse it)\nrules are valid: mine\n"
    )
    lenient = invoke("rules", "check", str(path), "--lenient")
    assert (0, expected) == (lenient.exit_code, lenient.stdout)
    by_setting = invoke("rules", "check", str(path), DETECTOR_LENIENT_RULES="true")
    assert (0, expected) == (by_setting.exit_code, by_setting.stdout)
    document = json.loads(invoke("rules", "check", str(path), "--lenient", "-o", "json").stdout)
    assert (True, [14]) == (document["ok"], [each["line"] for each in document["warnings"]])


def test_the_check_of_everything_tells_warnings_too(invoke: Invoke, tmp_path: Path) -> None:
    write(tmp_path, Extensions={"Keys": ["$.zone"]})
    result = invoke("check", DETECTOR_RULES_DIR="rules")
    assert 0 == result.exit_code
    assert (
        "rules/mine.json:18: Extensions.Keys: found an extension of ours, expected no member "
        "Extensions (CloudWatch would refuse it)"
    ) == result.stdout.splitlines()[0]
    document = json.loads(invoke("check", "-o", "json", DETECTOR_RULES_DIR="rules").stdout)
    assert (True, 1) == (document["ok"], len(document["warnings"]))


def test_explain_says_what_is_counted_and_what_stops_a_sample(
    invoke: Invoke, tmp_path: Path
) -> None:
    path = write(
        tmp_path,
        Contribution={"Keys": ["$.host"], "Filters": [{"Match": "$.Faults", "GreaterThan": 0}]},
    )
    sample = tmp_path / "sample.ndjson"
    sample.write_text('{"host": "h1", "Faults": 2}\n\n{"host": "h\\u001b[31m", "Faults": 0}\n')
    result = invoke("rules", "explain", str(path), "--sample", str(sample))
    assert 0 == result.exit_code
    assert "  Counts events for each $.host.\n" in result.stdout
    assert "  Only where $.Faults is greater than 0.\n" in result.stdout
    assert "[h1] +1" in result.stdout
    assert "nothing: it does not hold that $.Faults is greater than 0" in result.stdout
    assert "\x1b" not in result.stdout
    document = json.loads(
        invoke("rules", "explain", str(path), "--sample", str(sample), "-o", "json").stdout
    )
    assert ["h1"] == document["records"][0]["contributes"]["keys"]
    assert document["records"][1]["stopped_by"].startswith("it does not hold")
    assert 1 == invoke("rules", "explain", str(path), "--sample", "nowhere").exit_code


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"Contribution": {"Keys": ["$.InstanceId"]}}, "[i-0123456789abcdef0] +1"),
        (
            {
                "Contribution": {"Keys": ["$.InstanceId"]},
                "Extensions": {"Ratio": {"Numerator": {"ValueOf": "$.Faults"}}},
            },
            "[i-0123456789abcdef0] +1 over +1",
        ),
        (
            {
                "Contribution": {"Keys": ["$.InstanceId"]},
                "Extensions": {"Percentiles": {"Of": "$.Latency", "At": [99]}},
            },
            "[i-0123456789abcdef0] observes 1200.5",
        ),
        (
            {
                "LogFormat": "CLF",
                "LogGroupNames": ["web/*"],
                "Fields": {"1": "ip"},
                "Contribution": {"Keys": ["ip"]},
            },
            "[192.0.2.7] +1",
        ),
    ],
)
def test_explain_makes_up_a_sample_where_there_is_none(
    invoke: Invoke, tmp_path: Path, members: dict[str, Any], words: str
) -> None:
    path = write(tmp_path, **members)
    assert words in invoke("rules", "explain", str(path)).stdout


def test_explain_shows_the_rule_s_own_examples(invoke: Invoke) -> None:
    result = invoke("rules", "explain", str(SHIPPED / "faults-by-host.json"))
    assert "[i-2] +4" in result.stdout


def test_examples_that_differ_fail(invoke: Invoke, tmp_path: Path) -> None:
    path = write(tmp_path)
    expect = {"Contributors": [{"Keys": ["h1"], "Value": 2}]}
    examples(path, Tests=[{"Name": "two", "Records": [{"host": "h1"}], "Expect": expect}])
    result = invoke("rules", "test", str(path))
    assert 1 == result.exit_code
    assert "contributors: found [h1] 1, expected [h1] 2" in result.stdout
    assert "1 examples, 1 failed" in result.stderr


def test_a_rule_that_must_be_refused_is_tested_by_its_faults(
    invoke: Invoke, tmp_path: Path
) -> None:
    path = write(tmp_path, AggregateOn="Max")
    examples(path, Faults=['16: AggregateOn: found "Max", expected "Count" or "Sum"'])
    assert 0 == invoke("rules", "test", str(path)).exit_code
    examples(path, Faults=["something else"])
    assert 1 == invoke("rules", "test", str(path)).exit_code
    path = write(tmp_path)
    assert 1 == invoke("rules", "test", str(path)).exit_code


def test_rules_or_examples_that_cannot_be_read_are_invalid(invoke: Invoke, tmp_path: Path) -> None:
    path = write(tmp_path)
    examples(path, Wrong=[])
    result = invoke("rules", "test", str(path))
    assert 3 == result.exit_code
    assert "mine_test.json: found object contains unknown field `Wrong`" in result.stderr
    bad = write(tmp_path, "bad", AggregateOn="Max")
    shutil.copy(SHIPPED / "faults-by-host_test.json", bad.with_name("bad_test.json"))
    assert 3 == invoke("rules", "test", str(bad)).exit_code


def test_rules_without_examples_are_named_and_alone_they_fail(
    invoke: Invoke, tmp_path: Path
) -> None:
    result = invoke("rules", "test", str(write(tmp_path)))
    assert 1 == result.exit_code
    assert "without examples (NAME_test.json): mine" in result.stderr
