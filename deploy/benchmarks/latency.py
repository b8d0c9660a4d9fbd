"""Action latency and restart time at 20,000 events a second, with panes of one second.

Forty services, one gray host in each, beginning one after the other: forty actions. The budgets are
set so that every one is granted; windows are six panes of one second, so that a run takes a minute.
"""

import math
import random
from collections import defaultdict
from collections.abc import Sequence

from deploy.benchmarks.product import cpu_seconds, pause, tallies
from detector.gameday.emf import BENCHMARK_PREFIX, benchmark_bodies, benchmark_event
from tests.support.deployment import LATENESS_MS, PANE_MS, PARTITIONS, Deployment
from tests.support.producing import PacedProducer
from tests.support.recount import read_topic
from tests.support.waiting import wait_for

RATE = 20_000
SERVICES = 40
HOSTS_PER_SERVICE = 30
JITTER_MS = 200
CALLERS = 40
GENEROUS = {
    "DETECTOR_MODE": "enforce",
    "DETECTOR_BUDGETS__FLEET_BUCKET_CAPACITY": "100",
    "DETECTOR_BUDGETS__GLOBAL_BUCKET_CAPACITY": "1000",
    "DETECTOR_BUDGETS__CAPACITY_FRACTION": "0.5",
    "DETECTOR_BUDGETS__HEALTHY_FLOOR": "0.5",
}
BEHIND_SECONDS = 1.0
"""A worker has caught up when its panes are at most this much later than an undisturbed one's."""


class GrayServices:
    """Replaces a body by a faulty one when its host is gray by then."""

    def __init__(self, seed: int, every_ms: int) -> None:
        self._chance = random.Random(seed)
        self._every_ms = every_ms
        self._begun: int | None = None
        hosts = SERVICES * HOSTS_PER_SERVICE
        names = tuple(f"service-{number:02d}" for number in range(SERVICES))
        self._healthy = benchmark_bodies(
            seed, 2 * hosts, hosts=hosts, services=names, fault_share=0.0
        )
        # Many callers each: faults of one caller alone would rightly be blamed on that caller.
        self._faulty = benchmark_bodies(
            seed, CALLERS * hosts, hosts=hosts, services=names, fault_share=1.0
        )
        self._hosts = hosts

    def __call__(self, number: int, now_ms: int, _: bytes) -> bytes:
        """Return the event number ``number``."""
        begun = self._begun = self._begun or now_ms
        host = number % self._hosts
        service = host // 3 % SERVICES
        # The first host of a service is the one that turns gray, when its turn has come.
        gray = host < 3 * SERVICES and host % 3 == 0
        sick = gray and now_ms - begun > (service + 4) * self._every_ms
        faulty = self._chance.random() < (0.9 if sick else 0.001)
        if faulty:
            body = self._faulty[host + self._hosts * self._chance.randrange(CALLERS)]
        else:
            body = self._healthy[number % len(self._healthy)]
        return benchmark_event(now_ms - self._chance.randrange(JITTER_MS), body)


def action_latencies(deployment: Deployment, *, every_ms: int, seed: int) -> list[float]:
    """Run the load until every service has its action; return the latencies in seconds."""
    producer = PacedProducer(
        deployment.bootstrap, deployment.topics.logs, partitions=PARTITIONS, rate=RATE, seed=seed,
        disturb=GrayServices(seed, every_ms),
    )  # fmt: skip
    with deployment.process("run", "worker-0") as worker:
        worker.wait_event("ready")
        producer.start()
        wait_for(
            lambda: len(deployment.json_records(deployment.topics.actions)) >= SERVICES,
            seconds=SERVICES * every_ms / 1000 + 90,
            what=f"{SERVICES} actions",
            every=1.0,
        )
        producer.stop()
        worker.terminate()
    return _latencies(deployment)


def _latencies(deployment: Deployment) -> list[float]:
    written_at = [
        message.timestamp()[1]
        for message in read_topic(deployment.bootstrap, deployment.topics.actions)
    ]
    ends = [
        record["evidence"]["window_end"]
        for record in deployment.json_records(deployment.topics.actions)
    ]
    passed = _passed_at(deployment, sorted(set(ends)))
    return [(written - passed[end]) / 1000 for written, end in zip(written_at, ends, strict=True)]


def _passed_at(deployment: Deployment, ends: Sequence[int]) -> dict[int, int]:
    """When (record timestamp) the last partition's log first held an event past end + lateness."""
    at = len(BENCHMARK_PREFIX)
    waiting: dict[int, list[int]] = defaultdict(lambda: list(ends))
    passed: dict[int, int] = dict.fromkeys(ends, 0)
    for message in read_topic(deployment.bootstrap, deployment.topics.logs):
        left = waiting[message.partition() or 0]
        time_ms = int((message.value() or b"")[at : at + 13])
        while left and time_ms >= left[0] + LATENESS_MS:
            end = left.pop(0)
            passed[end] = max(passed[end], message.timestamp()[1])
    return passed


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that ``share`` of the values do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def restart_seconds(deployment: Deployment, *, seed: int) -> float:
    """Kill a worker under load, start it again, and return how long its panes were behind."""
    producer = PacedProducer(
        deployment.bootstrap, deployment.topics.logs, partitions=PARTITIONS, rate=RATE, seed=seed
    )
    with deployment.process("run", "worker-0") as worker:
        worker.wait_event("ready")
        producer.start()
        pause(8)
        assert cpu_seconds(worker.pid) > 0
        worker.kill()
        killed_ms = int(worker.killed_at * 1000)
        worker.start()
        wait_for(
            lambda: _caught_up_ms(deployment, killed_ms), seconds=90, what="the worker to catch up",
            every=1.0,
        )  # fmt: skip
        producer.stop()
        worker.terminate()
    caught_up = _caught_up_ms(deployment, killed_ms)
    assert caught_up is not None
    return (caught_up - killed_ms) / 1000


def _caught_up_ms(deployment: Deployment, killed_ms: int) -> int | None:
    behind: dict[int, bool] = {}
    through: dict[int, int] = {}
    stamps = sorted(
        ((stamp, record.partition, record.through_ms) for stamp, record in tallies(deployment)),
    )
    caught: int | None = None
    for stamp, partition, through_ms in stamps:
        if stamp < killed_ms:
            continue
        through[partition] = max(through.get(partition, -1), through_ms)
        due = (
            through[partition] + PANE_MS + LATENESS_MS + JITTER_MS + BEHIND_SECONDS * 1000 + PANE_MS
        )
        behind[partition] = stamp > due
        if len(behind) == PARTITIONS and not any(behind.values()):
            caught = caught or stamp
    return caught
