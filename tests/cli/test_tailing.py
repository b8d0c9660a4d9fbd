"""``detector tail`` shows what happened as lines for people or JSON for programs."""

import json
from collections.abc import Sequence

import msgspec
import pytest
from confluent_kafka import Producer

from detector.core.diagnosis import Diagnosis
from detector.core.vocabulary import (
    ActionKind,
    AlarmState,
    Culprit,
    Decision,
    Mode,
    OutcomeState,
    Refusal,
)
from detector.decisions.actions import (
    ACTION_SCHEMA,
    DECISION_SCHEMA,
    OUTCOME_SCHEMA,
    Action,
    BudgetView,
    DecisionRecord,
    Outcome,
)
from detector.detection.alarms import ALARM_SCHEMA, AlarmChange, Target
from detector.detection.evidence import Evidence
from detector.detection.evidence_v1 import flat_evidence
from tests.cli.conftest import Invoke

TARGET = Target("shop", "use1-az1", "use1-az1", "us-east-1a", "host-3")
EVIDENCE = msgspec.convert(
    {
        name: {"float": 0.0, "int": 0, "bool": True}.get(getattr(kind, "__name__", ""), ())
        for name, kind in Evidence.__annotations__.items()
        if name not in {"fleet_event", "blamed_caller", "failed_gates", "measure"}
    },
    Evidence,
)
ALARM = AlarmChange(
    ALARM_SCHEMA,
    "id",
    "r66|fleet:shop|host-3",
    "r66",
    "fleet:shop",
    "faults",
    "1",
    ("host-3",),
    AlarmState.PENDING,
    AlarmState.ALARM,
    1_700_000_000_000,
    TARGET,
    ActionKind.REPLACE_HOST,
    EVIDENCE,
    "host-3 owns 80 % of the faults\x1b[2J",
    verdict=Diagnosis(Culprit.HOST, ("use1-az1/host-3",), 1, ("r66",), "itself"),
)
ACTION = Action(
    ACTION_SCHEMA,
    "a1",
    ActionKind.REPLACE_HOST,
    TARGET,
    Mode.ENFORCE,
    "worst host",
    flat_evidence(EVIDENCE),
    BudgetView("fleet", 2.0, 1.0, 0, 1, 100, "window", 0.0),
    1_700_000_000.0,
    1_700_000_000.0,
    1_700_000_300.0,
    0.0,
    "",
    True,
    1,
    {},
)
DECISION = DecisionRecord(
    DECISION_SCHEMA,
    "d1",
    "a1",
    ActionKind.SHIFT_AWAY,
    msgspec.structs.replace(TARGET, host=""),
    Decision.REFUSED,
    Refusal.ANOTHER_ZONE_IS_AWAY,
    Mode.ENFORCE,
    "zone|fleet:shop|use1-az1",
    1_700_000_000.0,
    1,
    (),
    flat_evidence(EVIDENCE),
    "use1-az2 is away already",
)
OUTCOME = Outcome(
    OUTCOME_SCHEMA,
    "a1",
    ActionKind.REPLACE_HOST,
    TARGET,
    OutcomeState.SUCCEEDED,
    "recorded",
    "dry-run",
    1,
    1_700_000_000.0,
    0.1,
    "",
    1,
)
AT = "2023-11-14T22:13:20.000Z"
LINES = {
    "alarms": (ALARM, f"{AT} alarm r66 host host-3 owns 80 % of the faults\\x1b[2J"),
    "actions": (ACTION, f"{AT} replace_host enforce shop/use1-az1/host-3 worst host"),
    "decisions": (
        DECISION,
        f"{AT} refused another_zone_is_away shift_away shop/use1-az1 use1-az2 is away already",
    ),
    "outcomes": (OUTCOME, f"{AT} succeeded replace_host shop/use1-az1/host-3 dry-run recorded"),
}


@pytest.fixture(
    params=[
        pytest.param("broker_tansu", marks=pytest.mark.embedded),
        pytest.param("kafka", marks=pytest.mark.kafka),
    ]
)
def env(request: pytest.FixtureRequest, unique_prefix: str, invoke: Invoke) -> dict[str, str]:
    """Settings of an own set of topics on each broker in turn."""
    found = {
        "DETECTOR_BROKER": request.getfixturevalue(request.param).bootstrap,
        "DETECTOR_TOPIC_PREFIX": unique_prefix,
    }
    assert 0 == invoke("topics", "create", **found).exit_code
    return found


def write(
    env: dict[str, str],
    topic: str,
    *values: bytes | None,
    headers: Sequence[tuple[str, bytes]] = (),
) -> None:
    producer = Producer({"bootstrap.servers": env["DETECTOR_BROKER"]})
    for value in values:
        name = f"{env['DETECTOR_TOPIC_PREFIX']}{topic}"
        producer.produce(name, value, b"key", headers=list(headers), timestamp=1_700_000_000_000)
        assert 0 == producer.flush(30)


def words(line: str) -> str:
    return " ".join(line.split())


def test_each_topic_has_its_line(invoke: Invoke, env: dict[str, str]) -> None:
    for topic, (value, line) in LINES.items():
        write(env, topic, msgspec.json.encode(value))
        result = invoke("tail", topic, "--from-beginning", "--no-follow", **env)
        assert (0, line) == (result.exit_code, words(result.stdout))


def test_a_dead_letter_shows_where_it_came_from_and_cannot_steer_the_terminal(
    invoke: Invoke, env: dict[str, str]
) -> None:
    headers = [
        ("detector.reason", b"forged"),
        ("__streams.errors.topic", b"logs"),
        ("__streams.errors.partition", b"3"),
        ("__streams.errors.offset", b"42"),
        ("__streams.errors.message", b"the text is not json\x1b[2J"),
        ("detector.reason", b"bad_json"),
    ]
    write(env, "dead-letters", b"\x1b[2J\xff" + b"x" * 1000, headers=headers)
    result = invoke("tail", "dead-letters", "--from-beginning", "--no-follow", **env)
    shown = "\\x1b[2J\\xff" + "x" * 195
    line = f"{AT} bad_json logs[3]@42 the text is not json\\x1b[2J {shown}"
    assert line == words(result.stdout)


def test_json_lines_carry_everything(invoke: Invoke, env: dict[str, str]) -> None:
    write(env, "outcomes", msgspec.json.encode(OUTCOME), headers=[("ce_id", b"7")])
    result = invoke("tail", "outcomes", "--from-beginning", "-n", "1", "-o", "json", **env)
    document = json.loads(result.stdout)
    assert ("key", {"ce_id": "7"}) == (document["key"], document["headers"])
    assert OUTCOME == msgspec.convert(document["value"], Outcome)


def test_it_ends_after_so_many_records(invoke: Invoke, env: dict[str, str]) -> None:
    write(env, "alarms", *[msgspec.json.encode(ALARM)] * 3)
    result = invoke("tail", "alarms", "--from-beginning", "--limit", "2", **env)
    assert 2 == len(result.stdout.splitlines())


def test_what_is_not_understood_is_shown_as_it_is(invoke: Invoke, env: dict[str, str]) -> None:
    write(env, "alarms", b"\x1bnonsense", b'{"state": "later"}', b"[]", None)
    lines = invoke("tail", "alarms", "--from-beginning", "--no-follow", **env).stdout.splitlines()
    expected = [
        f"{AT} cannot be parsed: b'\\x1bnonsense'",
        f'{AT} cannot be parsed: b\'{{"state": "later"}}\'',
        f"{AT} cannot be parsed: b'[]'",
        f"{AT} deleted: b'key'",
    ]
    assert expected == list(map(words, lines))


def test_ctrl_c_is_how_a_tail_ends(
    invoke: Invoke, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("detector.kafka.tailing.Tail.records", interrupt)
    assert 0 == invoke("tail", "alarms", **env).exit_code
