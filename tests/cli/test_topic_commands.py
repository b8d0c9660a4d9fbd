"""``detector topics`` on the embedded broker and on a real Kafka."""

import json
from typing import Any

import pytest

from detector.core.topics import Topics
from tests.cli.conftest import Invoke


@pytest.fixture(
    params=[
        pytest.param("broker_tansu", marks=pytest.mark.embedded),
        pytest.param("kafka", marks=pytest.mark.kafka),
    ]
)
def env(request: pytest.FixtureRequest, unique_prefix: str) -> dict[str, str]:
    """Settings of an own set of topics on each broker in turn."""
    return {
        "DETECTOR_BROKER": request.getfixturevalue(request.param).bootstrap,
        "DETECTOR_TOPIC_PREFIX": unique_prefix,
        "DETECTOR_INPUT_TOPICS": f"{unique_prefix}a,{unique_prefix}b",
        "DETECTOR_TALLIES__MAX_RECORD_BYTES": "2000000",
    }


def output_of(invoke: Invoke, *arguments: str, **env: str) -> Any:
    return json.loads(invoke(*arguments, "--output", "json", **env).stdout)


def test_create_makes_everything_once(invoke: Invoke, env: dict[str, str]) -> None:
    prefix = env["DETECTOR_TOPIC_PREFIX"]
    assert 1 == invoke("topics", "check", **env).exit_code
    first = output_of(invoke, "topics", "create", **env)
    expected = {spec.name for spec in Topics(prefix=prefix).specs()} | {f"{prefix}a", f"{prefix}b"}
    assert expected == {row["topic"] for row in first if row["created"]}
    second = output_of(invoke, "topics", "create", **env)
    assert expected == {row["topic"] for row in second if not row["created"]}
    checked = invoke("topics", "check", **env)
    assert (0, "all topics are as expected\n") == (checked.exit_code, checked.stdout)


def test_missing_topics_are_reported(invoke: Invoke, env: dict[str, str]) -> None:
    prefix = env["DETECTOR_TOPIC_PREFIX"]
    faults = {fault["topic"]: fault for fault in output_of(invoke, "topics", "check", **env)}
    assert "no such topic" == faults[f"{prefix}tallies"]["found"]
    table = invoke("topics", "check", **env)
    assert 1 == table.exit_code
    assert "run `detector topics create`" in table.stdout


def test_show_tells_what_the_broker_has(invoke: Invoke, env: dict[str, str]) -> None:
    prefix = env["DETECTOR_TOPIC_PREFIX"]
    assert [] == output_of(invoke, "topics", "show", **env)
    created = invoke("topics", "create", **env)
    assert "created" in created.stdout
    assert "only one copy" in created.stderr
    states = {state["name"]: state for state in output_of(invoke, "topics", "show", **env)}
    assert (4, 1) == (states[f"{prefix}a"]["partitions"], states[f"{prefix}a"]["copies"])
    sizes = {
        name: states[f"{prefix}{name}"]["config"]["max.message.bytes"]
        for name in ("tallies", "dead-letters")
    }
    assert {"tallies": "2100000", "dead-letters": "16777216"} == sizes
    assert f"{prefix}control" in invoke("topics", "show", **env).stdout


def test_new_topics_come_with_the_kill_switch_off(invoke: Invoke, env: dict[str, str]) -> None:
    """Without a record the switch would be unknown, and nothing would ever be done."""
    invoke("topics", "create", **env)
    status = output_of(invoke, "kill-switch", "status", **env)
    assert (True, False, "topics created") == (
        status["known"],
        status["engaged"],
        status["reason"],
    )


def test_creating_topics_again_never_turns_the_kill_switch_off(
    invoke: Invoke, env: dict[str, str]
) -> None:
    invoke("topics", "create", **env)
    invoke("kill-switch", "on", "--reason", "storm", **env)
    invoke("topics", "create", **env)
    assert output_of(invoke, "kill-switch", "status", **env)["engaged"]
