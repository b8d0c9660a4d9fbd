"""A rule says what it makes of a record, or at which question the record was stopped."""

import json
from typing import Any

import pytest

from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.explain import Explained, RuleExplainer
from detector.rules.rules import ContributorRule, Filter, Operator, Percentiles
from tests.builders import START, rule

FAULTY = Filter(("Faults",), Operator.GREATER_THAN, 0.0)
SLOW = Filter(("Latency",), Operator.BETWEEN, (100.0, 1e6))
CLF = rule(keys=[("ip",)], lines={"ip": 1, "status": 2},
           filters=[Filter(("status",), Operator.LESS_THAN, 400.0)])  # fmt: skip


def explained(
    written: ContributorRule, record: bytes | dict[str, Any], topic: str = "logs"
) -> list[Explained]:
    raw = record if isinstance(record, bytes) else json.dumps(record).encode()
    explainer = RuleExplainer(written, FieldMapping(), DecodeLimits())
    return explainer.explain(raw, topic=topic, record_ms=START)


def test_what_matches_is_shown_with_what_it_adds() -> None:
    [one] = explained(rule(filters=[FAULTY], value_of=["Faults"]), {"InstanceId": "i", "Faults": 3})
    assert one.contribution is not None
    assert (("i",), 3.0, "") == (one.contribution.keys, one.contribution.value, one.stopped_by)


@pytest.mark.parametrize(
    ("written", "record", "stopped_by"),
    [
        (rule(groups=["/shop/*"]), {"InstanceId": "i"},
         "log group 'logs' is not one of the rule's"),
        (rule(), {"host": "i"},
         "there is no text, number or truth value at the key $.InstanceId"),
        (rule(filters=[FAULTY]), {"InstanceId": "i", "Faults": 0},
         "it does not hold that $.Faults is greater than 0"),
        (rule(filters=[FAULTY, SLOW]), {"InstanceId": "i", "Faults": 1, "Latency": 5},
         "it does not hold that $.Latency is from 100 to 1e+06"),
        (rule(any_of=[[FAULTY], [SLOW]]), {"InstanceId": "i", "Faults": 0},
         ("it does not hold that at least one holds: $.Faults is greater than 0; or $.Latency is "
         "from 100 to 1e+06")),
        (rule(value_of=["Bytes"]), {"InstanceId": "i", "Bytes": "7"},
         "there is no number that can be used at $.Bytes"),
        (rule(measure=Percentiles(("Size",), (50.0,), 1.0, 9)), {"InstanceId": "i"},
         "there is no number that can be used at $.Size"),
        (CLF, {"InstanceId": "i", "Faults": 0}, "the record is JSON, the rule reads the other"),
        (CLF, b"192.0.2.1 503", "it does not hold that status is less than 400"),
        (CLF, b"", "the record is empty"),
        (rule(), b"plain", ("the record is refused: bad_json, the text is not json: invalid "
         "character at byte 0")),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)  # fmt: skip
def test_what_does_not_match_says_why(
    written: ContributorRule, record: bytes | dict[str, Any], stopped_by: str
) -> None:
    assert [Explained(None, stopped_by)] == explained(written, record)


def test_every_event_of_a_record_has_its_answer() -> None:
    record = [{"InstanceId": "i", "Faults": 1}, {"InstanceId": "j", "Faults": 0}]
    found = explained(rule(filters=[FAULTY]), json.dumps(record).encode())
    assert [True, False] == [each.contribution is not None for each in found]
