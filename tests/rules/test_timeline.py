"""The rules of a pane follow from the log, checked by a recount that shares no code."""

import json
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.core.errors import Fault, RuleError
from detector.core.vocabulary import RuleChangeKind, RuleRejection, RuleState
from detector.rules.change_log import RULE_SCHEMA, rule_key
from detector.rules.log_reducer import (
    BEGINNING,
    FURTHEST_AHEAD_MS,
    DefinitionCache,
    TimelineTerms,
)
from detector.rules.rules import ContributorRule
from detector.rules.timeline import MAX_RULE_SETS, RuleTimeline
from tests.builders import rule

PANE = 1_000
AHEAD = 3_500
TERMS = TimelineTerms(pane_ms=PANE, ahead_ms=AHEAD, max_rules=3, max_records=1_000)
FILES = ("a", "b")


def parse(name: str, definition: str) -> ContributorRule:
    """Read a definition of this test: its text is the version; ``bad`` is no rule."""
    if definition == "bad":
        raise RuleError([Fault(1, "definition", "bad", "good")])
    return replace(rule(name), version=definition)


def new_timeline(terms: TimelineTerms = TERMS) -> RuleTimeline:
    return RuleTimeline([(parse(name, "file"), "file") for name in FILES], terms, parse)


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the log, as plain as it can be."""

    key: bytes
    value: bytes | None
    stamp_ms: int


def record(
    name: str,
    number: int,
    stamp_ms: int,
    *,
    kind: str = "put",
    definition: str = "v1",
    state: str = "ENABLED",
    replaces: str | None = None,
    effective_from: int = 0,
    **more: object,
) -> Record:
    """Write a record by hand, as another writer would."""
    document: dict[str, object] = {
        "schema": RULE_SCHEMA, "name": name, "change": kind, "by": "test", "at": 0.0,
        "effective_from": effective_from, "definition": definition, "state": state, **more,
    }  # fmt: skip
    if replaces is not None:
        document["replaces"] = replaces
    return Record(rule_key(name, str(number)), json.dumps(document).encode(), stamp_ms)


def versions_at(timeline: RuleTimeline, pane_ms: int) -> dict[str, str]:
    return {each.name: each.version for each in timeline.rule_set_at(pane_ms)}


def feed(timeline: RuleTimeline, *records: Record) -> RuleTimeline:
    for each in records:
        timeline.read(each.key, each.value, each.stamp_ms)
    return timeline


@st.composite
def logs(draw: st.DrawFn) -> list[Record]:
    """Draw a log: stamps rise, everything else is anything, names and ids repeat."""
    stamp, made = 1_000_000, []
    for number in range(draw(st.integers(0, 14))):
        stamp += draw(st.integers(0, 3_000))
        name = draw(st.sampled_from("abcde"))
        made.append(
            record(
                name,
                number,
                stamp,
                kind=draw(st.sampled_from(("put", "put", "disable", "delete"))),
                definition=draw(st.sampled_from(("v1", "v2", "v3", "bad"))),
                state=draw(st.sampled_from(("ENABLED", "ENABLED", "DISABLED"))),
                replaces=draw(st.none() | st.just("") | st.integers(0, max(number, 1)).map(str)),
                effective_from=draw(st.just(0) | st.integers(0, 12_000).map(stamp.__add__)),
            )
        )
    return made


Lines = dict[str, list[tuple[int, str | None]]]
"""By rule: (start, version in force from then on, ``None`` for none), in the order of the log."""


def recount(log: list[Record]) -> Lines:
    """Reduce the log by the words of the documentation alone."""
    lines: Lines = {name: [(-(10**18), "file")] for name in FILES}
    alive = set(FILES)
    last: dict[str, str] = {}
    for each in log:
        document = json.loads(each.value or b"")
        name, number = document["name"], each.key.decode().split("/")[-1]
        if name in last and document.get("replaces", last[name]) != last[name]:
            continue
        is_deletion = document["change"] == "delete"
        if not is_deletion and document["definition"] == "bad":
            continue
        if not is_deletion and name not in alive and len(alive) >= TERMS.max_rules:
            continue
        start = max(document["effective_from"], each.stamp_ms + AHEAD)
        while start % PANE:
            start += 1
        start = max([start, *(begun for begun, _ in lines.get(name, []))])
        shown = None if is_deletion or document["state"] == "DISABLED" else document["definition"]
        lines.setdefault(name, []).append((start, shown))
        last[name] = number
        (alive.discard if is_deletion else alive.add)(name)
    return lines


def expected_at(lines: Lines, pane_ms: int) -> dict[str, str]:
    found = {}
    for name in sorted(lines):
        begun = [version for start, version in lines[name] if start <= pane_ms]
        if begun and begun[-1] is not None:
            found[name] = begun[-1]
    return found


def panes_of(log: list[Record]) -> list[int]:
    last = log[-1].stamp_ms if log else 1_000_000
    return list(range(1_000_000, last + 20_000, PANE))


@given(logs())
def test_the_rules_of_every_pane_are_those_of_a_recount(log: list[Record]) -> None:
    lines, timeline = recount(log), feed(new_timeline(), *log)
    for pane in panes_of(log):
        assert expected_at(lines, pane) == versions_at(timeline, pane)


@given(logs(), st.data())
def test_asking_in_between_and_repeated_records_change_nothing(
    log: list[Record], data: st.DataObject
) -> None:
    plain, asked = feed(new_timeline(), *log), new_timeline()
    for at, each in enumerate(log):
        feed(asked, each)
        if data.draw(st.booleans()):
            asked.rule_set_at(each.stamp_ms)
        feed(asked, data.draw(st.sampled_from(log[: at + 1])))
    for pane in panes_of(log):
        assert versions_at(plain, pane) == versions_at(asked, pane)
    assert plain.results() == asked.results()
    assert plain.entries() == asked.entries()


@given(logs(), st.integers(0, 40_000), st.data())
def test_what_is_obsolete_can_be_removed_in_its_order_at_any_pace(
    log: list[Record], after: int, data: st.DataObject
) -> None:
    """No pane from the given one on, and no rule as it stands, is changed by the removals."""
    before = 1_000_000 + after
    whole = feed(new_timeline(), *log)
    gone = whole.obsolete(before)
    assert len(gone) == len(set(gone))
    left = feed(new_timeline(), *log)
    for key in gone[: data.draw(st.integers(0, len(gone)))]:
        left.read(key, None, 0)
    for pane in (each for each in panes_of(log) if each >= before):
        assert versions_at(whole, pane) == versions_at(left, pane)
    # When something began before the given pane is no longer known exactly.
    known = [
        [replace(entry, from_ms=max(entry.from_ms, before)) for entry in timeline.entries()]
        for timeline in (whole, left)
    ]
    assert known[0] == known[1]


@given(logs(), logs())
def test_a_reader_knows_every_pane_that_begins_within_the_lead_of_what_it_has_read(
    log: list[Record], more: list[Record]
) -> None:
    now = log[-1].stamp_ms if log else 1_000_000
    later = [Record(each.key + b"x", each.value, each.stamp_ms - 1_000_000 + now) for each in more]
    early, late = feed(new_timeline(), *log), feed(new_timeline(), *log, *later)
    for pane in range(1_000_000, now + AHEAD, PANE):
        assert versions_at(early, pane) == versions_at(late, pane)


def test_a_pane_gets_the_very_same_rule_set_until_something_changes() -> None:
    timeline = feed(new_timeline(), record("c", 1, 10_000))
    assert timeline.rule_set_at(0) is timeline.rule_set_at(13_000)
    assert timeline.rule_set_at(14_000) is timeline.rule_set_at(90_000)
    before = timeline.rule_set_at(14_000)
    feed(timeline, record("c", 2, 20_000, kind="tag", tags={"team": "one"}))
    assert before is timeline.rule_set_at(90_000), "tags change no rule set"
    assert (("team", "one"),) == timeline.entries()[2].tags


def test_more_stretches_than_are_cached_are_built_again() -> None:
    changes = [
        record("c", number, number * 10_000, definition=f"v{number}") for number in range(1, 100)
    ]
    timeline = feed(new_timeline(), *changes)
    first = timeline.rule_set_at(13_000 + PANE)
    assert len(changes) > MAX_RULE_SETS
    for number in range(1, 100):
        assert f"v{number}" == versions_at(timeline, number * 10_000 + 4_000)["c"]
    again = timeline.rule_set_at(13_000 + PANE)
    assert first == again
    assert first is not again


@pytest.mark.parametrize(
    ("made", "rejection"),
    [
        (record("c", 9, 50_000, definition="bad"), RuleRejection.INVALID_RULE),
        (record("a", 9, 50_000, replaces="7"), RuleRejection.CONFLICT),
        (
            record("c", 9, 50_000, effective_from=50_001 + AHEAD + FURTHEST_AHEAD_MS),
            RuleRejection.TOO_FAR_AHEAD,
        ),
        (Record(rule_key("c", "9"), b"?", 50_000), RuleRejection.UNREADABLE),
        (record("e", 9, 50_000), RuleRejection.TOO_MANY_RULES),
        (record("c", 9, 50_000, tags={"": ""}), RuleRejection.INVALID_TAGS),
    ],
)
def test_a_change_that_is_passed_over_says_why_and_changes_nothing(
    made: Record, rejection: RuleRejection
) -> None:
    timeline = feed(new_timeline(), record("a", 1, 10_000), record("d", 2, 10_000))
    entries = timeline.entries()
    result = feed(timeline, made).result(made.key)
    assert result is not None
    assert rejection == result.rejection
    assert ("found bad" in result.detail) is (rejection is RuleRejection.INVALID_RULE)
    assert entries == timeline.entries()


def test_records_beyond_the_bound_are_passed_over() -> None:
    timeline = new_timeline(replace(TERMS, max_records=1))
    feed(timeline, record("a", 1, 10_000), record("a", 2, 20_000, definition="v2"))
    assert [None, RuleRejection.TOO_MANY_CHANGES] == [each.rejection for each in timeline.results()]
    assert 2 == timeline.records


def test_a_record_without_a_timestamp_goes_by_what_its_writer_says() -> None:
    made = record("c", 1, 0)
    document = json.loads(made.value or b"") | {"at": 10.0}
    timeline = feed(new_timeline(), replace(made, value=json.dumps(document).encode()))
    result = timeline.result(made.key)
    assert result is not None
    assert 14_000 == result.from_ms


def test_rules_are_known_with_the_change_that_the_next_one_replaces() -> None:
    timeline = feed(new_timeline(), record("c", 1, 10_000, state="DISABLED"))
    assert ["a", "b", "c"] == [entry.name for entry in timeline.entries()]
    entry = timeline.entry("c")
    assert entry is not None
    assert (RuleState.DISABLED, "1", 14_000) == (entry.state, entry.change_id, entry.from_ms)
    file = timeline.entry("a")
    assert file is not None
    assert (BEGINNING, "", "file") == (file.from_ms, file.change_id, file.definition)
    assert ["", "1", ""] == [timeline.last_change(name) for name in "acx"]
    assert timeline.entry("x") is None
    feed(timeline, record("c", 2, 20_000, kind=RuleChangeKind.DELETE))
    assert timeline.entry("c") is None
    assert "2" == timeline.last_change("c")
    assert TERMS is timeline.terms


def test_other_records_of_the_topic_and_removals_of_unknown_ones_are_nothing() -> None:
    timeline = new_timeline()
    assert not timeline.read(None, b"", 1)
    assert not timeline.read(b"kill_switch", b"{}", 1)
    assert not timeline.read(rule_key("c", "1"), None, 1)
    assert timeline.read(rule_key("c", "1"), b"", 1)
    assert 1 == timeline.records


def test_a_deletion_stays_while_it_keeps_a_file_or_a_conflict_away() -> None:
    log = [
        record("a", 1, 10_000, kind="delete"),
        record("c", 2, 10_000),
        record("c", 3, 20_000, kind="delete"),
        record("c", 4, 30_000, replaces="2"),
    ]
    timeline = feed(new_timeline(), *log)
    assert RuleRejection.CONFLICT is timeline.results()[-1].rejection
    assert [log[1].key] == timeline.obsolete(25_000)
    assert [log[3].key, log[1].key, log[2].key] == timeline.obsolete(60_000)


def test_definitions_are_parsed_once_and_not_kept_for_ever() -> None:
    parsed: list[str] = []

    def parse_and_count(name: str, definition: str) -> ContributorRule:
        parsed.append(definition)
        return parse(name, definition)

    cache = DefinitionCache(parse_and_count)
    first = cache.rule("a", "v1")
    assert first is cache.rule("a", "v1")
    cache.clear_beyond(1)
    assert first is cache.rule("a", "v1")
    cache.clear_beyond(0)
    assert first is not cache.rule("a", "v1")
    assert ["v1", "v1"] == parsed


def test_a_deletion_stays_as_long_as_another_rule_may_exist_in_its_place() -> None:
    """Two rules of files, a third, one deleted and a fourth in its place; three are allowed."""
    log = [
        record("c", 1, 1_000_000),
        record("a", 2, 1_000_000, kind="delete"),
        record("d", 3, 1_000_000),
        record("a", 4, 1_000_000, kind="delete"),
    ]
    timeline = feed(new_timeline(), *log)
    assert [] == timeline.obsolete(2_000_000)
    assert {"b": "file", "c": "v1", "d": "v1"} == versions_at(timeline, 2_000_000)
    roomy = feed(new_timeline(replace(TERMS, max_rules=4)), *log)
    assert [rule_key("a", "2")] == roomy.obsolete(2_000_000)
