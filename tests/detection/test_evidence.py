"""Evidence of both versions: each is read, and nothing is lost between them."""

import json
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.detection.alarms import ALARM_SCHEMA, AlarmChange, change_from, decode_change
from detector.detection.evidence import (
    ContributorShare,
    Evidence,
    Measure,
    NoMeasure,
    ZoneShare,
    ZoneSilence,
    with_shorter_texts,
)
from detector.detection.evidence_v1 import (
    _HOST_MEASURES,
    _ZONE_SIGNALS,
    flat_evidence,
    lift_evidence,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "alarms"
OLD = (GOLDEN / "v1.jsonl").read_bytes().splitlines()
NEW = (GOLDEN / "v2.jsonl").read_bytes().splitlines()
"""One run of a simulated fleet: records of the last release with version 1, and of this one."""

POSITIVE = st.floats(0.001, 1e12)
TEXTS = st.lists(st.text(max_size=5), max_size=3).map(tuple)
SOURCES = [
    *((kind, name, "fleet:checkout") for name, kind in _HOST_MEASURES.items()),
    (ContributorShare, "r66", "rule:faults"),
    *((ZoneShare, name, "fleet:checkout") for name in _ZONE_SIGNALS),
    (ZoneSilence, "silence", "fleet:checkout"),
]
"""Every measure with the detector and the kind of subject that write it."""


def members(kind: type[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any values of a measure's own members."""
    values = {"runner_up": TEXTS, "signal": st.nothing()}
    names = [name for name in kind.__struct_fields__ if name != "signal"]
    return st.fixed_dictionaries({name: values.get(name, POSITIVE) for name in names})


@st.composite
def cases(draw: st.DrawFn) -> tuple[Evidence, str, str]:
    kind, detector, subject = draw(st.sampled_from(SOURCES))
    own = draw(members(kind))
    if kind is ZoneShare:
        own["signal"] = _ZONE_SIGNALS[detector]
    evidence = Evidence(
        window_start=0,
        window_end=60_000,
        complete=draw(st.booleans()),
        partial=draw(st.booleans()),
        missing_partitions=draw(TEXTS),
        p_value=draw(st.floats(0.0, 1.0)),
        zone_hosts=int(kind is ZoneSilence),
        windows_met=draw(st.integers(0, 5)),
        failed_gates=draw(TEXTS),
        measure=kind(**own),
    )
    return evidence, detector, subject


@given(cases())
def test_evidence_survives_the_way_through_version_1(case: tuple[Evidence, str, str]) -> None:
    evidence, detector, subject = case
    flat = msgspec.json.decode(msgspec.json.encode(flat_evidence(evidence)))
    assert evidence == msgspec.convert(lift_evidence(flat, detector, subject), Evidence)


@given(cases())
def test_a_consumer_knows_the_measure_by_its_kind_alone(case: tuple[Evidence, str, str]) -> None:
    evidence, _, _ = case
    raw = msgspec.json.encode(evidence)
    assert evidence == msgspec.json.decode(raw, type=Evidence)
    assert json.loads(raw)["measure"]["kind"] == type(evidence.measure).__struct_config__.tag


def test_every_measure_is_written_by_some_detector() -> None:
    assert set(get_args(Measure)) == {kind for kind, _, _ in SOURCES} | {NoMeasure}


@pytest.mark.parametrize("number", range(len(OLD)))
def test_a_recorded_alarm_of_version_1_reads_as_the_same_alarm_of_version_2(number: int) -> None:
    old = json.loads(OLD[number])
    change = decode_change(OLD[number])
    assert decode_change(NEW[number]) == change
    assert ALARM_SCHEMA == change.schema
    assert old["evidence"] == json.loads(msgspec.json.encode(flat_evidence(change.evidence)))


@pytest.mark.parametrize(("kind", "detector", "subject"), SOURCES)
def test_each_measure_survives_version_1(kind: type[Any], detector: str, subject: str) -> None:
    own: dict[str, Any] = dict.fromkeys(kind.__struct_fields__, 2.0)
    own |= dict.fromkeys(own.keys() & {"runner_up"}, ())
    own |= dict.fromkeys(own.keys() & {"signal"}, _ZONE_SIGNALS.get(detector))
    hosts = int(kind is ZoneSilence)
    evidence = Evidence(0, 60_000, True, False, (), zone_hosts=hosts, measure=kind(**own))
    flat = msgspec.json.decode(msgspec.json.encode(flat_evidence(evidence)))
    assert evidence == msgspec.convert(lift_evidence(flat, detector, subject), Evidence)


def test_evidence_that_says_nothing_has_no_measure_in_either_version() -> None:
    blank = Evidence(0, 60_000, complete=True, partial=False, missing_partitions=())
    flat = msgspec.json.decode(msgspec.json.encode(flat_evidence(blank)))
    assert blank == msgspec.convert(lift_evidence(flat, "r66", "fleet:checkout"), Evidence)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b'{"schema": "detector.alarm.v1"}',
        b'{"schema": "detector.alarm.v1", "evidence": 5, "detector": "r66", "subject": "fleet:x"}',
        (
            b'{"schema":"detector.alarm.v1","evidence":{"total":1,"value":1,"sample_count":1},'
            b'"detector":"x","subject":5}'
        ),
        b'{"schema":"detector.alarm.v1","evidence":[],"detector":"x","subject":"a"}',
        b'{"id":' + b"[" * 1100 + b"]" * 1100 + b"}",
        b"[" * 2000,
        NEW[0].replace(b'"kind":"', b'"kind":"un'),
        NEW[0].replace(b'"window_start":', b'"window_begin":'),
    ],
)
def test_anything_else_is_refused_as_data(raw: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError)):
        decode_change(raw)


def test_texts_are_cut_in_the_head_and_in_the_measure() -> None:
    change: AlarmChange = change_from(json.loads(NEW[0]))
    measure = ContributorShare(1.0, 2.0, 0.5, 0.66, 3.0, ("abcdef", "b", "c"), 0.1)
    evidence = msgspec.structs.replace(
        change.evidence, measure=measure, blamed_caller="abcdef", failed_gates=("abcdef", "b", "c")
    )
    short = with_shorter_texts(evidence, characters=4, items=2)
    assert ("abcd", ("abcd", "b")) == (short.blamed_caller, short.failed_gates)
    assert msgspec.structs.replace(measure, runner_up=("abcd", "b")) == short.measure
    silent = msgspec.structs.replace(evidence, measure=NoMeasure())
    assert NoMeasure() == with_shorter_texts(silent, characters=4, items=2).measure
