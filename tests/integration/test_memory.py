"""Memory is bounded however much waits, and a worker that stood still goes on exactly."""

import json
import shutil
import threading
import time
from pathlib import Path

import pytest

from detector.gameday.emf import benchmark_bodies, benchmark_events
from detector.settings.model import shipped_rules
from tests.support.deployment import PARTITIONS, Deployment
from tests.support.kafka import RealKafka
from tests.support.probing import Probe
from tests.support.producing import PacedProducer, produce_all
from tests.support.waiting import wait_for

MOST_MIB = 450
"""Bound of a worker's memory, whatever waits on the input topic. The queue of fetched records is
64 MiB of it (``kafka.queue_mebibytes``)."""
SHIPPED_TIMES = {
    "DETECTOR_WINDOWS__PANE_SECONDS": "10",
    "DETECTOR_WINDOWS__LATENESS_SECONDS": "5",
}
FROZEN_SECONDS = 12.0
"""Longer than the session timeout of 10 s: the group gives the partitions away meanwhile."""


def write_backlog(kafka: RealKafka, topic: str, *, events: int, hosts: int) -> None:
    """Write events of the last minute."""
    start_ms = int(time.time() * 1000) - 60_000
    values = benchmark_events(
        benchmark_bodies(1, hosts, hosts=hosts), events, start_ms, events // 60
    )
    bounded = {"queue.buffering.max.kbytes": 65_536}
    produce_all(kafka.bootstrap, topic, values, partitions=PARTITIONS, **bounded)


def peak_while_reading(deployment: Deployment, events: int, *, seconds: float) -> float:
    """Run a worker until it has read ``events``, and return its peak in MiB."""
    with deployment.process("run", "worker-0") as worker:
        worker.wait_event("ready")
        probe = Probe.of(worker)
        wait_for(
            lambda: probe.metric("detector_records_consumed_total") == {"": events},
            what="the backlog to be read",
            every=0.5,
        )
        peak = worker.peak_mib()
        assert 0 == worker.terminate()
    print(f"peak {peak:.0f} MiB")
    return peak


@pytest.mark.kafka
@pytest.mark.slow
def test_a_backlog_larger_than_memory_is_read_within_the_bound(
    kafka: RealKafka, unique_prefix: str, tmp_path: Path
) -> None:
    """A million events of 590 bytes from 20,000 hosts."""
    deployment = Deployment(kafka.bootstrap, unique_prefix, tmp_path, SHIPPED_TIMES)
    write_backlog(kafka, deployment.topics.logs, events=1_000_000, hosts=20_000)
    assert peak_while_reading(deployment, 1_000_000, seconds=90) < MOST_MIB


@pytest.mark.kafka
@pytest.mark.slow
def test_a_worker_that_is_slower_than_its_broker_holds_no_more(
    kafka: RealKafka, unique_prefix: str, tmp_path: Path
) -> None:
    """A rule on a nested path takes every record the tolerant way, many times slower.

    The backlog is 100 MiB, more than the queue of fetched records may hold.
    """
    rules = tmp_path / "rules"
    shutil.copytree(shipped_rules(), rules)
    rule = json.loads((rules / "faults-by-host.json").read_text())
    rule["Contribution"]["Keys"] = ["$.request.tenant.name"]
    (rules / "faults-by-nested-tenant.json").write_text(json.dumps(rule))
    env = {**SHIPPED_TIMES, "DETECTOR_RULES_DIR": str(rules)}
    deployment = Deployment(kafka.bootstrap, unique_prefix, tmp_path, env)
    write_backlog(kafka, deployment.topics.logs, events=180_000, hosts=20_000)
    assert peak_while_reading(deployment, 180_000, seconds=120) < MOST_MIB


@pytest.mark.kafka
@pytest.mark.slow
def test_a_worker_that_stood_still_under_load_recovers_exactly(
    kafka: RealKafka, unique_prefix: str, tmp_path: Path
) -> None:
    """It comes back to a group that gave it up, with half a batch in hand."""
    deployment = Deployment(kafka.bootstrap, unique_prefix, tmp_path)
    load = PacedProducer(kafka.bootstrap, deployment.topics.logs, partitions=PARTITIONS, rate=5_000)
    with deployment.process("run", "worker-0") as worker:
        worker.wait_event("ready")
        load.start()
        wait_for(lambda: load.sent > 10_000, what="load")
        worker.freeze()
        threading.Event().wait(FROZEN_SECONDS)
        worker.thaw()
        threading.Event().wait(2)
        load.stop()
        truth = deployment.wait_exact(total=load.sent)
        assert [] == deployment.compare_reports(truth)[:5]
        assert worker.running
        wait_for(lambda: Probe.of(worker).readiness() == 200, what="readiness")
        assert worker.peak_mib() < MOST_MIB
        assert 0 == worker.terminate()
