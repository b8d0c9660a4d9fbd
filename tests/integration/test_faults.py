"""Broker away, topics that cannot be written or read, SIGTERM and kill switch, all under load."""

import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from detector.gameday.emf import benchmark_bodies, benchmark_events
from detector.kafka.faust_app import EXIT_FATAL
from detector.kafka.topic_admin import TopicAdmin
from tests.support.deployment import PARTITIONS, Deployment
from tests.support.kafka import RealKafka
from tests.support.probing import Probe
from tests.support.producing import GrayHosts, PacedProducer, produce_all
from tests.support.recount import read_tallies, read_topic
from tests.support.waiting import wait_for

HOSTS = 120
GRAY = 7
GRAY_HOST = f"i-{GRAY:017x}"
ENFORCE = {"DETECTOR_MODE": "enforce"}
AWAY_SECONDS = 10.0


def gray_load(
    deployment: Deployment, gray: GrayHosts, properties: Mapping[str, object] | None = None
) -> PacedProducer:
    """Return a load without faults but those of the gray host; not started."""
    return PacedProducer(
        deployment.bootstrap,
        deployment.topics.logs,
        partitions=PARTITIONS,
        rate=2_400,
        hosts=HOSTS,
        disturb=gray,
        fault_share=0.0,
        properties=properties,
    )


def records_about_gray(deployment: Deployment, topic: str) -> list[dict[str, Any]]:
    """Return the records of a topic whose target is the gray host."""
    return [
        each
        for each in deployment.json_records(topic)
        if each["target"] and each["target"]["host"] == GRAY_HOST
    ]


def rulings(deployment: Deployment) -> list[tuple[str, str | None]]:
    """Return verdict and refusal of every decision about the gray host, in order."""
    decisions = records_about_gray(deployment, deployment.topics.decisions)
    return [(each["verdict"], each["refusal"]) for each in decisions]


def kill_switch_checks(deployment: Deployment) -> list[str]:
    """Return what each decision about the gray host saw of the kill switch."""
    return [
        check["saw"]
        for each in records_about_gray(deployment, deployment.topics.decisions)
        for check in each["checks"]
        if check["name"] == "kill_switch"
    ]


def actions(deployment: Deployment) -> list[dict[str, Any]]:
    """Return every action."""
    return deployment.json_records(deployment.topics.actions)


def pending(deployment: Deployment) -> bool:
    """Tell whether the gray host has met the condition of the alarm, not yet often enough."""
    changes = records_about_gray(deployment, deployment.topics.alarms)
    return any(each["state"] == "pending" for each in changes)


def wait_readiness(probe: Probe, code: int) -> None:
    """Wait for an answer of ``/readyz``."""
    wait_for(lambda: probe.readiness() == code, what=f"/readyz to say {code}")


@pytest.mark.kafka
@pytest.mark.slow
def test_a_broker_that_was_away_costs_no_event_and_no_action_is_taken_while_blind(
    private_kafka: RealKafka, unique_prefix: str, tmp_path: Path
) -> None:
    """Ten seconds without a broker, an alarm pending: not ready, no action, then exact and on.

    The producers find the broker again later than the worker does, which sees a log without the
    events of the ten seconds until then.
    """
    env = {**ENFORCE, "DETECTOR_WINDOWS__IDLE_SECONDS": "6"}
    deployment = Deployment(private_kafka.bootstrap, unique_prefix, tmp_path, env)
    slow_to_return = {"reconnect.backoff.ms": 3_500, "reconnect.backoff.max.ms": 3_500}
    load = gray_load(deployment, GrayHosts(GRAY, hosts=HOSTS), slow_to_return)
    with deployment.process("run", "worker-0") as worker:
        worker.wait_event("ready")
        probe = Probe.of(worker)
        wait_readiness(probe, 200)
        load.start()
        wait_for(lambda: pending(deployment), what="a pending alarm")
        private_kafka.stop()
        away_at = time.time()
        wait_readiness(probe, 503)
        wait_for(lambda: time.time() > away_at + AWAY_SECONDS, what="time")
        assert 503 == probe.readiness()
        back_at = time.time()
        private_kafka.start()
        wait_readiness(probe, 200)
        wait_for(lambda: actions(deployment), what="the action")
        load.stop()
        truth = deployment.wait_exact(total=load.sent)
        assert 0 == truth.late + truth.future + truth.unreadable
        assert [] == deployment.compare_reports(truth)[:5]
        assert worker.running
    written = read_topic(deployment.bootstrap, deployment.topics.actions)
    moments = [message.timestamp()[1] / 1000 for message in written]
    moments += [action["requested_at"] for action in actions(deployment)]
    assert [] == [moment for moment in moments if away_at <= moment <= back_at]
    assert {GRAY_HOST} == {action["target"]["host"] for action in actions(deployment)}


@pytest.mark.kafka
@pytest.mark.slow
def test_the_kill_switch_holds_every_action_back_until_it_is_off(
    kafka: RealKafka, unique_prefix: str, tmp_path: Path
) -> None:
    deployment = Deployment(kafka.bootstrap, unique_prefix, tmp_path, ENFORCE)
    gray = GrayHosts(hosts=HOSTS)
    load = gray_load(deployment, gray)
    with deployment.process("run", "worker-0") as worker:
        worker.wait_event("ready")
        load.start()
        deployment.kill_switch(engaged=True)
        probe = Probe.of(worker)
        gray.sick = frozenset({GRAY})
        wait_for(lambda: rulings(deployment), what="a decision")
        assert [("refused", "kill_switch")] == rulings(deployment)
        assert 200 == probe.readiness()
        assert {"": 1.0} == probe.metric("detector_kill_switch_engaged")
        assert [] == actions(deployment)
        deployment.kill_switch(engaged=False)
        wait_for(lambda: actions(deployment), what="the action")
        load.stop()
    assert [("refused", "kill_switch"), ("granted", None)] == rulings(deployment)
    assert [GRAY_HOST] == [action["target"]["host"] for action in actions(deployment)]


@pytest.mark.kafka
@pytest.mark.slow
def test_a_kill_switch_that_cannot_be_read_holds_every_action_back(
    private_kafka: RealKafka, unique_prefix: str, tmp_path: Path
) -> None:
    """Without its topic the switch is unknown, which counts as on; with the topic it goes on."""
    deployment = Deployment(private_kafka.bootstrap, unique_prefix, tmp_path, ENFORCE)
    admin = AdminClient({"bootstrap.servers": private_kafka.bootstrap})
    gray = GrayHosts(hosts=HOSTS)
    load = gray_load(deployment, gray)
    with deployment.process("run", "worker-0") as worker:
        worker.wait_event("ready")
        probe = Probe.of(worker)
        wait_readiness(probe, 200)
        load.start()
        control = deployment.topics.control
        admin.delete_topics([control])[control].result(10)
        wait_readiness(probe, 503)
        gray.sick = frozenset({GRAY})
        wait_for(lambda: rulings(deployment), what="a decision")
        assert [("refused", "kill_switch")] == rulings(deployment)
        assert ["unknown"] == [saw.partition(":")[0] for saw in kill_switch_checks(deployment)]
        assert {"": 0.0} == probe.metric("detector_kill_switch_known")
        assert [] == actions(deployment)
        TopicAdmin({"bootstrap.servers": private_kafka.bootstrap}).create(
            [spec for spec in deployment.topics.specs() if spec.name == control],
            replication_factor=1,
        )
        deployment.kill_switch(engaged=False)
        wait_for(lambda: actions(deployment), what="the action")
        assert 200 == probe.readiness()
        load.stop()
        deployment.wait_exact(total=load.sent)


def limit_records(deployment: Deployment, topic: str, max_bytes: int) -> None:
    """Set the largest batch that a topic takes."""
    admin = AdminClient({"bootstrap.servers": deployment.bootstrap})
    entry = ConfigEntry(
        "max.message.bytes",
        str(max_bytes),
        incremental_operation=AlterConfigOpType.SET,
    )
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(10)


@pytest.mark.kafka
@pytest.mark.slow
def test_a_worker_that_cannot_write_tallies_ends_and_says_why_and_a_restart_is_exact(
    kafka: RealKafka, unique_prefix: str, tmp_path: Path
) -> None:
    deployment = Deployment(kafka.bootstrap, unique_prefix, tmp_path)
    tallies = deployment.topics.tallies
    load = gray_load(deployment, GrayHosts(hosts=HOSTS))
    with deployment.process("run", "worker-0") as worker:
        worker.wait_event("ready")
        load.start()
        told = wait_for(
            lambda: read_tallies(deployment.bootstrap, tallies).requests, what="tallies"
        )
        assert told
        limit_records(deployment, tallies, 100)
        assert EXIT_FATAL == worker.wait()
        [stopped] = [each for each in worker.events() if each["event"] == "stopped"]
        assert "tally" == stopped["what"]
        assert "critical" == stopped["level"]
        assert tallies in stopped["error"]
        assert "MessageSizeTooLarge" in stopped["error"]
        # Started before the topic is repaired it ends again, and still acknowledges nothing.
        worker.start()
        assert EXIT_FATAL == worker.wait()
        limit_records(deployment, tallies, 1_000_000)
        worker.start().wait_event("ready")
        load.stop()
        deployment.wait_exact(total=load.sent)


def backlog(events: int) -> Sequence[bytes]:
    """Return events of the last minute."""
    start_ms = int(time.time() * 1000) - 60_000
    return list(
        benchmark_events(benchmark_bodies(1, 4_080, hosts=HOSTS), events, start_ms, events // 60)
    )


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_worker_with_a_backlog_stops_in_time_and_its_successor_is_exact(
    kafka: RealKafka, unique_prefix: str, tmp_path: Path, number: signal.Signals
) -> None:
    deployment = Deployment(kafka.bootstrap, unique_prefix, tmp_path)
    total = 600_000
    produce_all(kafka.bootstrap, deployment.topics.logs, backlog(total), partitions=PARTITIONS)
    with deployment.process("run", "worker-0") as worker:
        worker.wait_event("ready")
        assert 0 == worker.terminate(number=number)
        told = read_tallies(kafka.bootstrap, deployment.topics.tallies)
        assert sum(rows.total() for rows in told.requests.values()) < total
        worker.start()
        deployment.wait_exact(total=total)
