"""Sentences carry numbers, and names from hostile logs do no harm."""

import msgspec
import pytest

from detector.core.vocabulary import AlarmState
from detector.detection.alarms import Evidence
from detector.detection.explanations import (
    change_sentence,
    count,
    host_words,
    percent,
    plain_name,
    probability,
    silent_words,
    zone_words,
)
from detector.detection.findings import blank_evidence
from tests.support.windows import meta_of


def evidence(**numbers: object) -> Evidence:
    return msgspec.structs.replace(blank_evidence(meta_of()), **numbers)


HOST = evidence(
    total=361.0,
    share=0.831,
    threshold=0.66,
    runner_up=("az1", "i-0def"),
    runner_up_share=0.01,
    p_value=1.2e-80,
    peers=59,
    confirmed=True,
    windows_met=3,
    windows_seen=5,
)
FACTS = (
    "host i-0abc owns 83.1 % of the 361 faults in the 60 s to 22:13:20Z "
    "(threshold 66 %, next i-0def 1 %), share test p = 1e-80, 59 peers"
)


def test_a_host_is_described_by_its_numbers() -> None:
    assert FACTS == host_words("host i-0abc", "faults", HOST)


@pytest.mark.parametrize(
    ("numbers", "end"),
    [
        ({"blamed_caller": "c7\x1b[31m"}, "without caller c7\\x1b[31m it is like its peers"),
        ({"fleet_event": True}, "so many hosts are bad that the cause is shared"),
        ({"confirmed": False}, "the share test does not confirm it"),
    ],
)
def test_a_host_that_is_not_confirmed_is_described_with_the_reason(
    numbers: dict[str, object], end: str
) -> None:
    replaced = msgspec.structs.replace(HOST, **numbers)
    assert f"{FACTS}; {end}" == host_words("host i-0abc", "faults", replaced)


def test_without_a_next_one_nobody_is_named() -> None:
    alone = msgspec.structs.replace(HOST, runner_up=(), runner_up_share=0.0)
    assert "next nobody 0 %" in host_words("host i-0abc", "faults", alone)


def test_a_zone_is_described_with_what_its_requests_explain() -> None:
    facts = evidence(
        total=1200.0, share=0.9, threshold=1 / 3, p_value=0.0, zone_hosts=40, peers=2,
        failed_gates=("too_few_faults", "not_significant"),
    )  # fmt: skip
    assert (
        "zone az1 has 90 % of the 1,200 faults in the 60 s to 22:13:20Z with 33.3 % of the "
        "requests, zone test p < 1e-300, 38 of 40 hosts elevated, 2 other zones; "
        "not flagged: too few faults, not significant"
    ) == zone_words("zone az1", "faults", facts, 38)
    flagged = msgspec.structs.replace(facts, failed_gates=())
    assert zone_words("zone az1", "faults", flagged, 38).endswith("2 other zones")


def test_silence_is_described_with_its_cause() -> None:
    missing = blank_evidence(meta_of(missing=[f"logs/{number}" for number in range(5)]))
    assert (
        "host h: logs/0, logs/1, logs/2 and 2 more did not report faults in the 60 s to 22:13:20Z"
    ) == silent_words("host h", "faults", missing)
    one = blank_evidence(meta_of(missing=["logs/4"]))
    assert "host h: logs/4 did not report faults" in silent_words("host h", "faults", one)
    partial = blank_evidence(meta_of(partial=True))
    assert "the log of faults begins in the 60 s" in silent_words("host h", "faults", partial)
    assert "host h has none of the faults in the 60 s to 22:13:20Z" == silent_words(
        "host h", "faults", evidence()
    )


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (AlarmState.ALARM, "words; 3 of the last 5 windows met the condition"),
        (AlarmState.PENDING, "words; 3 of the last 5 windows met the condition, not yet enough"),
        (AlarmState.OK, "words; none of the last 5 windows met the condition any more"),
        (AlarmState.INSUFFICIENT_DATA, "words; too few windows to say"),
    ],
)
def test_a_change_is_one_sentence(state: AlarmState, sentence: str) -> None:
    assert sentence == change_sentence(state, "words", HOST)


def test_a_name_is_cut_and_made_harmless() -> None:
    assert "a\\x1b[2J\\n" == plain_name("a\x1b[2J\n")
    assert 80 == len(plain_name("x" * 10_000))
    assert plain_name("x" * 10_000).endswith("…")
    assert "straße-東京" == plain_name("straße-東京")


def test_numbers_are_written_short() -> None:
    assert ["66 %", "66.1 %", "0.1 %"] == [percent(share) for share in (0.66, 0.661, 0.001)]
    assert ["12", "1,234.5", "0"] == [count(value) for value in (12.0, 1234.5, 0.0)]
    assert ["p = 2e-05", "p = 1e+00", "p < 1e-300"] == [probability(p) for p in (2.4e-5, 1.0, 0.0)]
