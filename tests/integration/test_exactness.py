"""Counts are exact through kill -9, SIGTERM and rebalance, by an independent recount."""

import os
import random
import threading
from pathlib import Path

import pytest

from tests.support.deployment import PARTITIONS, Deployment
from tests.support.kafka import RealKafka
from tests.support.producing import PacedProducer
from tests.support.tansu import EmbeddedBroker

LONG = int(os.environ.get("DETECTOR_LONG", "1"))
"""Multiplies events and kills."""


def pause(seconds: float) -> None:
    """Let load go on for a while: the moment of a kill is what is drawn at random."""
    threading.Event().wait(seconds)


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(600 * LONG)
def test_ten_kills_under_load_lose_and_double_nothing(
    kafka: RealKafka, unique_prefix: str, seed: int, tmp_path: Path
) -> None:
    """300,000 events, one worker killed ten times at random moments: every pane is exact."""
    chance = random.Random(seed)
    deployment = Deployment(kafka.bootstrap, unique_prefix, tmp_path)
    total = 300_000 * LONG
    producer = PacedProducer(
        kafka.bootstrap, deployment.topics.logs, partitions=PARTITIONS, rate=7000, total=total
    )
    with deployment.process("run", "worker-0") as worker:
        worker.wait_event("ready")
        producer.start()
        for _ in range(10 * LONG):
            pause(chance.uniform(0.2, 4.0))
            worker.kill()
            worker.start()
            if chance.random() < 0.7:  # Some kills come while it is still joining.
                worker.wait_event("ready")
        producer.finish(300 * LONG)
        truth = deployment.wait_exact(total=total)
        assert 0 == truth.late + truth.future + truth.unreadable
        assert [] == deployment.compare_reports(truth)[:5]


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(300 * LONG)
def test_two_workers_that_join_leave_and_die_stay_exact(
    kafka: RealKafka, unique_prefix: str, seed: int, tmp_path: Path
) -> None:
    """A second worker joins, leaves by SIGTERM, joins again and is killed, with events flowing."""
    chance = random.Random(seed)
    deployment = Deployment(kafka.bootstrap, unique_prefix, tmp_path)
    producer = PacedProducer(
        kafka.bootstrap, deployment.topics.logs, partitions=PARTITIONS, rate=4000
    )
    first = deployment.process("run", "worker-0")
    second = deployment.process("run", "worker-1")
    with first, second:
        first.wait_event("ready")
        producer.start()
        second.wait_event("ready")
        for _ in range(LONG):
            pause(chance.uniform(2, 5))
            assert 0 == second.terminate()
            pause(chance.uniform(1, 4))
            second.start().wait_event("ready")
            pause(chance.uniform(2, 5))
            second.kill()
            pause(chance.uniform(1, 12))
            second.start().wait_event("ready")
            pause(chance.uniform(1, 3))
            first.kill()
            pause(chance.uniform(1, 3))
            first.start().wait_event("ready")
        producer.stop()
        truth = deployment.wait_exact(total=producer.sent)
        assert [] == deployment.compare_reports(truth)[:5]


@pytest.mark.embedded
@pytest.mark.slow
def test_kills_on_the_embedded_broker_lose_and_double_nothing(
    broker_tansu: EmbeddedBroker, unique_prefix: str, seed: int, tmp_path: Path
) -> None:
    """The same with fewer events on the broker that the demo brings along."""
    chance = random.Random(seed)
    deployment = Deployment(broker_tansu.bootstrap, unique_prefix, tmp_path)
    total = 30_000
    producer = PacedProducer(
        broker_tansu.bootstrap,
        deployment.topics.logs,
        partitions=PARTITIONS,
        rate=1500,
        total=total,
    )
    with deployment.process("run", "worker-0") as worker:
        worker.wait_event("ready")
        producer.start()
        for _ in range(3):
            pause(chance.uniform(1, 4))
            worker.kill()
            worker.start().wait_event("ready")
        producer.finish(120)
        truth = deployment.wait_exact(total=total)
        assert [] == deployment.compare_reports(truth)[:5]
