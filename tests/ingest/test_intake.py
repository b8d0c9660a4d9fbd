"""Tests of intake: the path of a record never changes what it means."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from detector.ingest import intake as intake_module
from detector.logs.fields import DecodeLimits, FieldMapping, LatencyUnit
from detector.rules.rules import RuleSet
from tests import strategies
from tests.builders import Message, Tallied, new_intake, new_tally, tallied

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
def learning(samples: int, schemas: int = 8) -> Iterator[None]:
    """Let a loop be compiled after ``samples`` records, and at most ``schemas`` of them."""
    with (
        mock.patch.object(intake_module, "MIN_SAMPLES", samples),
        mock.patch.object(intake_module, "MAX_SCHEMAS", schemas),
    ):
        yield


def tolerantly(
    drawn: Sequence[Message], rules: RuleSet, mapping: FieldMapping, limits: DecodeLimits
) -> Tallied:
    with learning(1, schemas=0):
        intake = new_intake(rules, mapping=mapping, limits=limits)
        return tallied(intake, new_tally(rules), [drawn])


@given(
    data=st.data(),
    drawn=strategies.messages(),
    earlier=strategies.messages(max_size=8),
    rules=strategies.rule_sets(),
    mapping=st.sampled_from(MAPPINGS),
    limits=st.sampled_from(LIMITS),
    samples=st.sampled_from((1, 1, 2, 5)),
)
def test_typed_loops_and_the_tolerant_decoder_agree_however_records_are_cut_and_learned(
    data: st.DataObject,
    drawn: list[Message],
    earlier: list[Message],
    rules: RuleSet,
    mapping: FieldMapping,
    limits: DecodeLimits,
    samples: int,
) -> None:
    """Panes, losses, dead letters and counts of notices, byte for byte."""
    earlier_samples = data.draw(st.lists(st.sampled_from(earlier + drawn), max_size=8))
    with learning(1):
        intake = new_intake(rules, mapping=mapping, limits=limits)
        intake.read(earlier_samples, new_tally(rules))
    with learning(samples):
        seen = tallied(intake, new_tally(rules), data.draw(strategies.batches(drawn)))
    assert tolerantly(drawn, rules, mapping, limits) == seen
