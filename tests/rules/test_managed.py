"""Managed rules are valid rules of a service, under valid names that tell services apart."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.logs.fields import FieldMapping
from detector.rules.managed import (
    TEMPLATES,
    managed_definition,
    managed_name,
    service_of,
)
from detector.rules.parser import parse_rule

SERVICES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=200)


@given(SERVICES, st.sampled_from(sorted(TEMPLATES)))
def test_every_template_makes_a_rule_that_cloudwatch_s_limits_allow(
    service: str, name: str
) -> None:
    template = TEMPLATES[name]
    text = managed_definition(template, service, FieldMapping())
    rule = parse_rule(text, name=managed_name(template, service))
    assert [service] == json.loads(text)["Contribution"]["Filters"][0]["In"]
    assert ("Faults",) == rule.value_of if template.summed else rule.value_of is None


def test_the_fields_of_the_mapping_are_read() -> None:
    fields = FieldMapping(host=("$.node",), service=("app",), fault=("errors",))
    text = managed_definition(TEMPLATES["Service-FaultsByHost-v1"], "web", fields)
    rule = parse_rule(text, name="r")
    assert ("$.node",) == rule.key_labels
    assert [("app",), ("errors",)] == [each.match for each in rule.filters]
    assert ("errors",) == rule.value_of


def test_names_that_would_be_too_long_are_cut_and_still_differ() -> None:
    template = TEMPLATES["Service-FaultsByHost-v1"]
    assert "Service-FaultsByHost-v1-web" == managed_name(template, "web")
    long, other = (managed_name(template, "s" * 150 + last) for last in "ab")
    assert (128, 128) == (len(long), len(other))
    assert long != other


@pytest.mark.parametrize(
    ("arn", "service"),
    [
        ("arn:detector:fleet:::service/checkout", "checkout"),
        ("arn:x:fleet:eu-west-1:1:service/a b/c", "a b/c"),
        ("arn:detector:fleet:::service/", None),
        ("arn:detector:fleet:::host/h1", None),
        ("arn:aws:s3:::service/checkout", None),
        ("arn:detector:fleet:::service/\n", None),
        ("checkout", None),
    ],
)
def test_a_resource_is_a_service_or_nothing(arn: str, service: str | None) -> None:
    assert service == service_of(arn)


def test_a_mapping_without_names_gives_a_field_that_is_refused_later() -> None:
    text = managed_definition(TEMPLATES["Service-RequestsByHost-v1"], "web", FieldMapping(host=()))
    assert ["$"] == json.loads(text)["Contribution"]["Keys"]
