"""A pane keeps the rules with which it was opened, in the loops as in the reference."""

from collections.abc import Callable, Sequence

from hypothesis import given
from hypothesis import strategies as st

from detector.ingest.intake import MAX_RULE_SETS, MIN_SAMPLES, Intake
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.rules import Filter, Operator, RuleSet
from detector.tables.pane_records import PaneRecord
from detector.tables.tally import PartitionTally, TallyLimits
from tests.builders import SHORT, START, TOPIC, Message, drained, event, finished, rule

PANE = SHORT.pane_ms
OLD = RuleSet((rule("by-caller", keys=[("Caller",)]), rule("same")))
NEW = RuleSet(
    (
        rule("by-zone", keys=[("AZ-ID",)]),
        rule("faults", filters=[Filter(("Faults",), Operator.GREATER_THAN, 0.0)]),
        rule("same"),
    )
)
RulesAt = Callable[[int], RuleSet]


def changing(*rule_sets: RuleSet) -> RulesAt:
    """Return one rule set per pane from START on; the first also before, the last also after."""
    return lambda pane: rule_sets[min(max((pane - START) // PANE, 0), len(rule_sets) - 1)]


def tally_of(rules_at: RulesAt) -> PartitionTally:
    return PartitionTally(
        TOPIC, 0, rules_at=rules_at, times=SHORT, limits=TallyLimits(), begins_inside=False
    )


def intake_of(rules_at: RulesAt) -> Intake:
    return Intake(
        TOPIC, rules_at=rules_at, mapping=FieldMapping(), limits=DecodeLimits(), times=SHORT
    )


def rules_of(records: Sequence[PaneRecord]) -> dict[int, list[str]]:
    return {
        (record.pane_ms - START) // PANE: [table.rule for table in record.rules]
        for record in records
        if record.pane_ms >= 0
    }


def test_each_pane_is_counted_under_its_own_rules() -> None:
    rules_at = changing(OLD, NEW)
    tally = tally_of(rules_at)
    intake_of(rules_at).read([event(0, Faults=1), event(PANE, Faults=1)], tally)
    found = rules_of(finished(tally))
    assert {0: ["by-caller", "same"], 1: ["by-zone", "faults", "same"]} == found


def test_an_open_pane_keeps_its_rules_whatever_becomes_known_later() -> None:
    known = [OLD]
    tally = tally_of(lambda _: known[-1])
    intake = intake_of(lambda _: known[-1])
    intake.read([event(0)], tally)
    known.append(NEW)
    assert tally.rule_set_of(START) is OLD
    assert tally.rule_set_of(START + PANE) is NEW
    assert [OLD, NEW] == tally.rule_sets()
    intake.read([event(1), event(PANE)], tally)
    found = rules_of(finished(tally))
    assert {0: ["by-caller", "same"], 1: ["by-zone", "same"]} == found


def test_the_coming_rule_sets_are_known_before_the_first_event() -> None:
    assert [OLD] == tally_of(changing(OLD, NEW)).rule_sets()


@given(
    st.lists(
        st.tuples(st.integers(0, 4 * PANE), st.integers(0, 3), st.integers(0, 1)),
        min_size=1,
        max_size=40,
    ),
    st.lists(st.sampled_from((OLD, NEW, RuleSet())), min_size=5, max_size=5),
    st.data(),
)
def test_loops_of_several_rule_sets_count_as_the_reference(
    drawn: list[tuple[int, int, int]], rule_sets: list[RuleSet], data: st.DataObject
) -> None:
    """The loops were compiled before the rules change, and events cross changes out of order."""
    rules_at = changing(*rule_sets)
    events = [event(after, InstanceId=f"h{host}", Faults=faults) for after, host, faults in drawn]
    compiled = intake_of(rules_at)
    compiled.read([event(0)] * MIN_SAMPLES, tally_of(rules_at))
    typed, reference = tally_of(rules_at), tally_of(rules_at)
    found: list[PaneRecord] = []
    while events:
        count = data.draw(st.integers(1, len(events)))
        batch, events = events[:count], events[count:]
        compiled.read(batch, typed)
        for each in batch:
            # One intake for each event never learns.
            intake_of(rules_at).read([each], reference)
        found += drained(typed)
    assert typed.losses == reference.losses
    assert found + finished(typed) == drained(reference) + finished(reference)


def test_samples_of_the_old_loops_serve_those_of_the_next_rule_set_at_once() -> None:
    rules_at = changing(OLD, OLD, NEW)
    intake, tally = intake_of(rules_at), tally_of(rules_at)
    intake.read([event(0)] * MIN_SAMPLES, tally)
    intake.read([event(PANE)], tally)
    assert {id(OLD)} == {id(loop.rule_set) for loop in intake._loops}
    intake.read([event(PANE)], tally)
    assert {id(OLD), id(NEW)} == {id(loop.rule_set) for loop in intake._loops}, (
        "before its first event"
    )
    intake.read([event(2 * PANE)], tally)
    assert rules_of(finished(tally))[2] == ["by-zone", "same"]


def test_loops_and_decoders_of_past_rule_sets_are_forgotten() -> None:
    rule_sets = [RuleSet((rule(f"r{number}"),)) for number in range(3 * MAX_RULE_SETS)]
    rules_at = changing(*rule_sets)
    intake, tally = intake_of(rules_at), tally_of(rules_at)
    intake.read([event(0)] * MIN_SAMPLES, tally)
    for pane in range(len(rule_sets)):
        intake.read([event(pane * PANE)] * 2, tally)
        tally.advance(START + pane * PANE)
    assert len({id(loop.rule_set) for loop in intake._loops}) <= MAX_RULE_SETS
    assert len(intake._decoders) <= MAX_RULE_SETS
    found = rules_of([*drained(tally), *finished(tally)])
    assert [[f"r{number}"] for number in range(len(rule_sets))] == list(found.values())


def test_a_bare_document_is_an_event_where_the_rules_of_its_time_read_it() -> None:
    odd = rule("odd", keys=[("odd",)])
    rules_at = changing(RuleSet(), RuleSet((odd,)))
    tally, intake = tally_of(rules_at), intake_of(rules_at)
    dead = intake.read(
        [Message(b'{"odd":"x"}', START), Message(b'{"odd":"x"}', START + PANE)], tally
    )
    assert 1 == len(dead.dead)
    assert {1: ["odd"]} == rules_of(finished(tally))
