"""Rules in the form of those that AWS publishes, with the faults that its own examples have.

Sources: CloudWatch User Guide, "Contributor Insights rule syntax" and "rule examples" (VPC flow
logs); AWS Lambda Developer Guide (runtime versions); the whitepaper "Advanced Multi-AZ Resilience
Patterns" (faults of one zone: five filters, a comma too many, a status under another name than its
log events have). Only the shapes are theirs.
"""

import json
from typing import Any

import pytest

from detector.core.errors import RuleError
from detector.logs.decode import Decoder
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.match import match
from detector.rules.parser import LENIENT, STRICT, RuleLimits, parse_rule, read_rule
from detector.rules.rules import ContributorRule, RuleSet

FLOW = "2 1234 eni-9 10.0.0.1 10.0.0.2 20641 443 6 20 4249 1418530010 1418530070 REJECT OK"
INIT = "INIT_START Runtime Version: python:3.13.v14\tRuntime Version ARN: arn:aws:lambda::runtime:7"


def definition(**members: Any) -> str:
    plain = {"Schema": {"Name": "CloudWatchLogRule", "Version": 1}, "LogGroupNames": ["/flow*"]}
    return json.dumps(plain | members, indent=1)


def lines_rule(
    fields: dict[str, str], contribution: dict[str, Any], aggregate: str = "Sum"
) -> ContributorRule:
    text = definition(
        LogFormat="CLF", Fields=fields, Contribution=contribution, AggregateOn=aggregate
    )
    return parse_rule(text, name="flows")


def counted(rule: ContributorRule, line: str) -> tuple[tuple[str, ...], float] | None:
    decoder = Decoder(FieldMapping(), DecodeLimits(), RuleSet((rule,)))
    [event] = decoder.decode(line.encode(), topic="/flow/logs", record_ms=1_700_000_000_000).events
    added = match(event, rule)
    return None if added is None else (added.keys, added.value)


def test_bytes_by_source_and_destination() -> None:
    fields = {"4": "srcaddr", "5": "dstaddr", "10": "bytes"}
    rule = lines_rule(fields, {"Keys": ["srcaddr", "dstaddr"], "ValueOf": "bytes", "Filters": []})
    assert (("10.0.0.1", "10.0.0.2"), 4249.0) == counted(rule, FLOW)
    assert ("srcaddr", "dstaddr") == rule.key_labels


def test_packets_of_https_with_spaces_in_aliases() -> None:
    fields = {"5": "destination address", "7": "destination port", "9": "packet count"}
    rule = lines_rule(
        fields,
        {
            "Keys": ["destination address"],
            "ValueOf": "packet count",
            "Filters": [{"Match": "destination port", "EqualTo": 443}],
        },
    )
    assert (("10.0.0.2",), 20.0) == counted(rule, FLOW)
    assert counted(rule, FLOW.replace(" 443 ", " 80 ")) is None
    assert counted(rule, FLOW.replace(" 443 ", " - ")) is None


def test_runtime_versions_of_lambda_behind_tabs() -> None:
    fields = {"1": "eventType", "4": "runtimeVersion", "8": "runtimeVersionArn"}
    filters = [{"Match": "eventType", "In": ["INIT_START"]}]
    rule = lines_rule(
        fields, {"Keys": ["runtimeVersion", "runtimeVersionArn"], "Filters": filters}, "Count"
    )
    assert (("python:3.13.v14", "arn:aws:lambda::runtime:7"), 1.0) == counted(rule, INIT)


def test_a_sum_of_nothing_is_refused_in_both_modes() -> None:
    """The published rule for rejected connections sums and names no value."""
    contribution = {
        "Keys": ["interfaceID"],
        "Filters": [{"Match": "protocol", "EqualTo": 6}, {"Match": "action", "In": ["REJECT"]}],
    }
    fields = {"3": "interfaceID", "8": "protocol", "13": "action"}
    text = definition(LogFormat="CLF", Fields=fields, Contribution=contribution, AggregateOn="Sum")
    for limits in (STRICT, LENIENT):
        assert [
            (
                "15: Contribution.ValueOf: found nothing, expected an alias of Fields "
                "(interfaceID, protocol, action) or a position from 1 to 256, since AggregateOn "
                "is Sum"
            )
        ] == faults(text, limits)
    counting = text.replace('"Sum"', '"Count"')
    assert (("eni-9",), 1.0) == counted(parse_rule(counting, name="r"), FLOW)


ZONE = definition(
    LogFormat="JSON",
    Contribution={
        "Keys": ["$.InstanceId"],
        "Filters": [
            {"Match": "$.InstanceId", "IsPresent": True},
            {"Match": "$.HttpStatusCode", "IsPresent": True},
            {"Match": "$.HttpStatusCode", "GreaterThan": 499},
            {"Match": "$.HttpStatusCode", "LessThan": 600},
            {"Match": "$.AZ-ID", "In": ["use1-az2"]},
        ],
    },
    AggregateOn="Count",
).replace('"Count"\n', '"Count",\n')


def faults(text: str, limits: RuleLimits) -> list[str]:
    with pytest.raises(RuleError) as caught:
        parse_rule(text, name="zone", limits=limits)
    return [str(fault) for fault in caught.value.faults]


def test_the_rule_of_a_zone_has_a_comma_and_a_filter_too_many() -> None:
    [comma] = faults(ZONE, STRICT)
    assert comma.startswith("40: definition: found a syntax error in column ")
    [filters] = faults(ZONE.replace('"Count",', '"Count"'), STRICT)
    assert filters == (
        "14: Contribution.Filters: found 5 filters, expected a list of at most 4 filters"
    )


def test_lenient_reads_the_rule_of_a_zone_and_tells_both() -> None:
    read = read_rule(ZONE, name="zone", limits=LENIENT)
    assert 5 == len(read.rule.filters)
    assert [
        "14: Contribution.Filters: found 5 filters, expected a list of at most 4 filters",
        "39: definition: found a comma behind the last item, expected none there",
    ] == [str(warning) for warning in read.warnings]


def test_a_missing_bracket_is_reported_with_its_line_in_both_modes() -> None:
    text = ZONE.replace('"Count",', '"Count"').replace('"$.InstanceId"\n  ],', '"$.InstanceId"\n')
    for limits in (STRICT, LENIENT):
        [fault] = faults(text, limits)
        assert fault.startswith("14: definition: found a syntax error in column ")


def test_a_rule_whose_events_call_the_status_otherwise_counts_nothing() -> None:
    """Names are case-sensitive and literal; ``HttpResponseCode`` is not ``HttpStatusCode``."""
    rule = read_rule(ZONE, name="zone", limits=LENIENT).rule
    decoder = Decoder(FieldMapping(), DecodeLimits(), RuleSet((rule,)))
    for name, expected in (("HttpResponseCode", None), ("HttpStatusCode", ("i-1",))):
        record = json.dumps({"InstanceId": "i-1", "AZ-ID": "use1-az2", name: 503}).encode()
        [event] = decoder.decode(record, topic="/flow", record_ms=1_700_000_000_000).events
        added = match(event, rule)
        assert expected == (None if added is None else added.keys)
