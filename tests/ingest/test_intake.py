"""Tests of intake: which way a record took never changes what it means."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from detector.ingest import intake as intake_module
from detector.logs.fields import DecodeLimits, FieldMapping, LatencyUnit
from detector.rules.rules import RuleSet
from tests import strategies
from tests.builders import Message, Told, new_intake, new_tally, told

MAPPINGS = (
    FieldMapping(),
    FieldMapping(),
    FieldMapping(event_id=("RequestId",)),
    FieldMapping(
        host=("host.name", "host", "InstanceId"),
        numeric_strings=True,
        latency_unit=LatencyUnit.MICROSECONDS,
        slow_threshold_ms_by_service={"checkout": 0.01},
    ),
    FieldMapping(requests=("Status",), caller=("Caller", "host")),
)
LIMITS = (DecodeLimits(), DecodeLimits(record_bytes=2_000, key_characters=20),
          DecodeLimits(nesting=4, key_characters=300))  # fmt: skip


@contextmanager
def learning(lessons: int, layouts: int = 8) -> Iterator[None]:
    """Let a loop be compiled after ``lessons`` records, and at most ``layouts`` of them."""
    with (
        mock.patch.object(intake_module, "MIN_SAMPLES", lessons),
        mock.patch.object(intake_module, "MAX_SCHEMAS", layouts),
    ):
        yield


def tolerantly(
    drawn: Sequence[Message], rules: RuleSet, mapping: FieldMapping, limits: DecodeLimits
) -> Told:
    with learning(1, layouts=0):
        intake = new_intake(rules, mapping=mapping, limits=limits)
        return told(intake, new_tally(rules), [drawn])


@given(
    data=st.data(),
    drawn=strategies.messages(),
    taught=strategies.messages(max_size=8),
    rules=strategies.rule_sets(),
    mapping=st.sampled_from(MAPPINGS),
    limits=st.sampled_from(LIMITS),
    lessons=st.sampled_from((1, 1, 2, 5)),
)
def test_typed_loops_and_the_tolerant_way_tell_the_same_however_records_are_cut_and_learned(
    data: st.DataObject,
    drawn: list[Message],
    taught: list[Message],
    rules: RuleSet,
    mapping: FieldMapping,
    limits: DecodeLimits,
    lessons: int,
) -> None:
    """Panes, losses, dead letters and counts of notices, byte for byte."""
    lessons_of_others = data.draw(st.lists(st.sampled_from(taught + drawn), max_size=8))
    with learning(1):
        intake = new_intake(rules, mapping=mapping, limits=limits)
        intake.read(lessons_of_others, new_tally(rules))
    with learning(lessons):
        seen = told(intake, new_tally(rules), data.draw(strategies.batches(drawn)))
    assert tolerantly(drawn, rules, mapping, limits) == seen
