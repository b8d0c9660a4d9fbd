"""The JSON Schemas are those of the types, and what the product writes is valid under them.

The validator is jsonschema, which knows nothing of the types. ``tests/integration`` holds records
of a running product to the same schemas (``tests.support.schemas``).
"""

import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest

from deploy.lib.schemas import RECORDS, SCHEMAS, schema_of, text_of
from detector.cloudwatch.alarms.alarm_records import ThroughRecord, encode_record
from detector.core.vocabulary import ActionKind, OutcomeState
from detector.decisions.actions import OUTCOME_SCHEMA, Outcome
from detector.decisions.kill_switch import encode_kill_switch
from detector.detection.evidence import Measure
from tests.support.deciding import target
from tests.support.schemas import SCHEMA_BY_ID, invalid
from tests.test_pipeline import detection, run

GOLDEN = Path(__file__).parents[1] / "golden" / "alarms"


@pytest.mark.parametrize("name", RECORDS)
def test_the_file_is_what_the_type_says(name: str) -> None:
    """After a change of a record: ``.venv/bin/python deploy/lib/schemas.py``."""
    assert (SCHEMAS / f"{name}.schema.json").read_text() == text_of(schema_of(name))


def test_every_file_is_a_schema_and_belongs_to_a_record() -> None:
    names = {path.name.removesuffix(".schema.json") for path in SCHEMAS.glob("*.json")}
    assert names == {*RECORDS, "alarm.v1"}
    for path in SCHEMAS.glob("*.json"):
        jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_recorded_alarms_are_valid_under_their_version_alone(version: str) -> None:
    other = {"v1": "detector.alarm.v2", "v2": "detector.alarm.v1"}[version]
    for raw in (GOLDEN / f"{version}.jsonl").read_bytes().splitlines():
        assert [] == invalid(raw)
        assert not jsonschema.Draft202012Validator(SCHEMA_BY_ID[other]).is_valid(json.loads(raw))


def test_what_one_run_writes_is_valid() -> None:
    way = detection()
    decided = run(way, "h5")
    written: list[Any] = [*way.reports, *way.changes]
    written += [each for result in decided for each in (result.decision, result.action)]
    assert 3 < len({type(each) for each in written})
    assert [] == [fault for each in written for fault in invalid(msgspec.json.encode(each))]


def test_what_the_actuator_and_people_write_is_valid() -> None:
    outcome = Outcome(
        OUTCOME_SCHEMA, "a", ActionKind.REPLACE_HOST, target(), OutcomeState.ACCEPTED, "",
        "dry-run", 1, 1.0, 0.0, "", 1,
    )  # fmt: skip
    assert [] == invalid(msgspec.json.encode(outcome))
    assert [] == invalid(encode_kill_switch(engaged=True, reason="r", by="me", at=1.0))
    through = json.loads(encode_record(ThroughRecord(60_000)))
    jsonschema.validate(through, schema_of("metric-alarm-through.v1"))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("state", "on fire"),
        ("changed_at", "noon"),
        ("evidence", {}),
        ("schema", "detector.alarm.v3"),
    ],
)
def test_a_schema_refuses_what_no_release_writes(member: str, value: object) -> None:
    record = json.loads((GOLDEN / "v2.jsonl").read_bytes().splitlines()[0])
    assert not jsonschema.Draft202012Validator(SCHEMA_BY_ID["detector.alarm.v2"]).is_valid(
        {**record, member: value}
    )


def test_the_reference_explains_every_measure_with_every_member() -> None:
    page = (SCHEMAS.parent / "docs" / "reference.md").read_text()
    section = page.split("## Measures of an alarm")[1].split("\n## ")[0]
    rows = {row.split("`")[1]: row for row in section.splitlines() if row.startswith("| `")}
    rows.pop("kind")
    measures = {kind.__struct_config__.tag: kind for kind in get_args(Measure)}
    assert list(measures) == sorted(measures, key=list(rows).index)
    shared = rows["host_share"]
    for tag, kind in measures.items():
        text = rows[tag] + (shared if "as `host_share`" in rows[tag] else "")
        assert [] == [name for name in kind.__struct_fields__ if f"`{name}`" not in text], tag
