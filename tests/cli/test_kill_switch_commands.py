"""``detector kill-switch``: on, off and status, on the embedded broker and on a real Kafka."""

import json

import pytest
from confluent_kafka import Producer

from detector.core.topics import TopicSpec
from detector.decisions.kill_switch import KILL_SWITCH_KEY, decode_kill_switch
from detector.kafka.tailing import Tail
from detector.kafka.topic_admin import TopicAdmin
from tests.cli.conftest import Invoke


@pytest.fixture(
    params=[
        pytest.param("broker_tansu", marks=pytest.mark.embedded),
        pytest.param("kafka", marks=pytest.mark.kafka),
    ]
)
def env(request: pytest.FixtureRequest, unique_prefix: str) -> dict[str, str]:
    """Settings with a control topic that holds nothing yet."""
    bootstrap = request.getfixturevalue(request.param).bootstrap
    compact = {"cleanup.policy": "compact"}
    TopicAdmin({"bootstrap.servers": bootstrap}).create(
        [TopicSpec(f"{unique_prefix}control", 1, compact)]
    )
    return {"DETECTOR_BROKER": bootstrap, "DETECTOR_TOPIC_PREFIX": unique_prefix}


def test_it_goes_on_and_off_and_tells(invoke: Invoke, env: dict[str, str]) -> None:
    on = invoke("kill-switch", "on", "--reason", "storm\x1b[2J", "--by", "ada", **env)
    assert (0, "kill switch is on: no action is carried out\n") == (on.exit_code, on.stdout)
    status = invoke("kill-switch", "status", **env)
    assert 0 == status.exit_code
    assert status.stdout.startswith("kill switch is on: storm\\x1b[2J (read 2")
    off = invoke("kill-switch", "off", "--reason", "calm", "--by", "ada", **env)
    assert (0, "kill switch is off: actions are allowed\n") == (off.exit_code, off.stdout)
    state = json.loads(invoke("kill-switch", "status", "-o", "json", **env).stdout)
    assert (True, False, "calm") == (state["known"], state["engaged"], state["reason"])
    topic = f"{env['DETECTOR_TOPIC_PREFIX']}control"
    with Tail({"bootstrap.servers": env["DETECTOR_BROKER"]}, topic, from_beginning=True) as tail:
        records = list(tail.records(follow=False))
    assert {KILL_SWITCH_KEY} == {record.key for record in records}
    last = decode_kill_switch(records[-1].value)
    assert last is not None
    assert ("ada", False) == (last.by, last.engaged)


def test_who_switched_defaults_to_the_user(
    invoke: Invoke, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "grace")
    invoke("kill-switch", "off", "--reason", "calm", **env)
    monkeypatch.setattr("getpass.getuser", _nobody)
    invoke("kill-switch", "off", "--reason", "calm", **env)
    topic = f"{env['DETECTOR_TOPIC_PREFIX']}control"
    with Tail({"bootstrap.servers": env["DETECTOR_BROKER"]}, topic, from_beginning=True) as tail:
        found = [record.document()["by"] for record in tail.records(follow=False)]
    assert ["grace", "unknown"] == found


def _nobody() -> str:
    raise KeyError("no user")


def test_no_record_is_not_known_and_counts_as_on(invoke: Invoke, env: dict[str, str]) -> None:
    env["DETECTOR_KAFKA__REQUEST_TIMEOUT_SECONDS"] = "3"
    status = invoke("kill-switch", "status", **env)
    assert 1 == status.exit_code
    assert status.stdout.startswith("kill switch is unknown: no kill switch record")


def test_an_unreadable_record_is_not_known(invoke: Invoke, env: dict[str, str]) -> None:
    env["DETECTOR_KAFKA__REQUEST_TIMEOUT_SECONDS"] = "3"
    producer = Producer({"bootstrap.servers": env["DETECTOR_BROKER"]})
    producer.produce(f"{env['DETECTOR_TOPIC_PREFIX']}control", b"?", KILL_SWITCH_KEY)
    assert 0 == producer.flush(30)
    state = json.loads(invoke("kill-switch", "status", "-o", "json", **env).stdout)
    assert (False, True) == (state["known"], state["engaged"])


def test_without_a_control_topic_it_says_how_to_make_one(
    invoke: Invoke, env: dict[str, str]
) -> None:
    env["DETECTOR_TOPIC_PREFIX"] += "other."
    for arguments in (("on", "--reason", "x"), ("status",)):
        result = invoke("kill-switch", *arguments, **env)
        assert 1 == result.exit_code
        assert result.stderr.endswith("control': run `detector topics create`\n")
