"""The decider dies at each named point: every action is accepted once at most, within budget."""

import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from detector.decisions.service import CRASH_POINTS
from tests.integration.crashing_worker import EXIT_CRASHED
from tests.support.deciding import action
from tests.support.deployment import PARTITIONS, Deployment
from tests.support.kafka import RealKafka
from tests.support.producing import GrayHosts, PacedProducer, new_producer
from tests.support.recount import read_topic
from tests.support.waiting import wait_for

HOSTS = 120
"""60 to a service: two sick ones are not too many, and one is all that may be removed."""
FIRST, SECOND = 0, 7
"""Two hosts of the same service."""
CRASHING = (sys.executable, str(Path(__file__).with_name("crashing_worker.py")))
ENFORCE = {"DETECTOR_MODE": "enforce", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}


def host(number: int) -> str:
    """Return the name of a host of the load."""
    return f"i-{number:017x}"


def state_records(deployment: Deployment) -> list[Any]:
    """Return the decider's records as plain data: schema, offset, outbox, decider."""
    changelog = deployment.topics.changelog("decider")
    return [
        msgspec.msgpack.decode(m.value() or b"")
        for m in read_topic(deployment.bootstrap, changelog)
    ]


def promised_actions(deployment: Deployment) -> int:
    """Count the actions in the outbox of the newest state record."""
    outbox = state_records(deployment)[-1]["outbox"]
    return sum(1 for message in outbox if message[0] == deployment.topics.actions)


def outcomes(deployment: Deployment, state: str) -> list[dict[str, Any]]:
    """Return the outcomes of one state."""
    records = deployment.json_records(deployment.topics.outcomes)
    return [record for record in records if record["state"] == state]


EXPECTED_AT_CRASH = {
    # point: (actions on the topic, actions promised by the state record)
    "before_state_record": (0, 0),
    "after_state_record": (0, 1),
    "after_action": (1, 1),
    "before_ack": (1, 1),
}


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.parametrize("point", CRASH_POINTS)
def test_a_crash_neither_doubles_nor_loses_an_action_nor_its_budget(
    kafka: RealKafka, unique_prefix: str, tmp_path: Path, point: str
) -> None:
    """The action comes through once, and its successor still knows that the budget is spent."""
    deployment = Deployment(kafka.bootstrap, unique_prefix, tmp_path, ENFORCE)
    topics = deployment.topics
    gray = GrayHosts(FIRST, hosts=HOSTS)
    load = PacedProducer(
        kafka.bootstrap,
        topics.logs,
        partitions=PARTITIONS,
        rate=2_400,
        hosts=HOSTS,
        disturb=gray,
        fault_share=0.0,
    )
    armed_by = "after_action" if point == "before_ack" else ""
    env = {"CRASH_AT": point, "CRASH_ARMED_BY": armed_by}
    actuator = deployment.process("actuate", "actuator")
    crashing = deployment.process("run", "worker-0", env, CRASHING)
    successor = deployment.process("run", "worker-0")
    with actuator:
        with crashing:
            crashing.wait_event("ready")
            load.start()
            wait_for(lambda: not crashing.running, what="the crash")
            assert EXIT_CRASHED == crashing.exit_code
        actuator.wait_event("ready")
        found = len(deployment.json_records(topics.actions)), promised_actions(deployment)
        assert EXPECTED_AT_CRASH[point] == found
        with successor:
            wait_for(lambda: outcomes(deployment, "succeeded"), what="the action")
            # Another host of the same service: its removal would be one too many.
            gray.sick = frozenset({SECOND})
            refused = wait_for(
                lambda: [
                    each
                    for each in deployment.json_records(topics.decisions)
                    if each["target"]["host"] == host(SECOND)
                ],
                what="a decision about the second host",
            )
            load.stop()
            assert [("refused", "capacity_spent")] == [
                (each["verdict"], each["refusal"]) for each in refused
            ]
            assert 0 == successor.terminate()
        accepted = outcomes(deployment, "accepted")
        assert [host(FIRST)] == [each["target"]["host"] for each in accepted]
        assert 1 == len(outcomes(deployment, "succeeded"))
        # The outbox may be sent again, always under the same identity.
        sent = {each["id"] for each in deployment.json_records(topics.actions)}
        assert {accepted[0]["action_id"]} == sent
        epochs = [record["decider"]["epoch"] for record in state_records(deployment)]
        assert sorted(epochs) == epochs
        assert 2 == epochs[-1]


@pytest.mark.kafka
def test_of_two_deciders_at_once_the_older_epoch_is_refused(
    kafka: RealKafka, unique_prefix: str, tmp_path: Path
) -> None:
    """Also by an actuator that learned of the newer epoch from the journal alone."""
    deployment = Deployment(kafka.bootstrap, unique_prefix, tmp_path)

    def send(action_id: str, epoch: int) -> None:
        now = time.time()
        times: dict[str, Any] = {"requested_at": now, "not_before": now, "expires_at": now + 60}
        value = msgspec.json.encode(action(action_id, epoch=epoch, **times))
        producer = new_producer(kafka.bootstrap)
        producer.produce(deployment.topics.actions, value, key=b"target")
        assert 0 == producer.flush(30)

    def outcome_of(action_id: str) -> tuple[str, str]:
        records = wait_for(
            lambda: [
                each
                for each in deployment.json_records(deployment.topics.outcomes)
                if each["action_id"] == action_id and each["state"] != "accepted"
            ],
            what=f"the outcome of {action_id}",
        )
        return records[0]["state"], records[0]["reason"].partition(":")[0]

    with deployment.process("actuate", "actuator") as actuator:
        actuator.wait_event("ready")
        send("by-newer", 2)
        assert ("succeeded", "") == outcome_of("by-newer")
        send("by-older", 1)
        assert ("refused", "older_epoch") == outcome_of("by-older")
        actuator.kill()
        actuator.start().wait_event("ready")
        send("by-older-again", 1)
        assert ("refused", "older_epoch") == outcome_of("by-older-again")
        send("by-newer-again", 2)
        assert ("succeeded", "") == outcome_of("by-newer-again")
