"""An alarm that stands outlives the worker that raised it, and is told once."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.deployment import PARTITIONS, Deployment
from tests.support.producing import GrayHosts, PacedProducer
from tests.support.recount import read_topic
from tests.support.tansu import EmbeddedBroker
from tests.support.waiting import wait_for

HOSTS = 60
SICK = 7
SICK_HOST = f"i-{SICK:017x}"


@pytest.mark.embedded
@pytest.mark.slow
def test_a_worker_that_is_killed_leaves_its_alarm_to_the_next_one(
    broker_tansu: EmbeddedBroker, unique_prefix: str, tmp_path: Path
) -> None:
    """The next one neither raises it again nor forgets it, and owns the record under its epoch."""
    deployment = Deployment(broker_tansu.bootstrap, unique_prefix, tmp_path)
    topics = deployment.topics
    gray = GrayHosts(SICK, hosts=HOSTS)
    load = PacedProducer(
        broker_tansu.bootstrap,
        topics.logs,
        partitions=PARTITIONS,
        rate=1_200,
        hosts=HOSTS,
        disturb=gray,
        fault_share=0.0,
    )

    def states() -> list[str]:
        """Standings of the sick host under the 66 % rule, the first of each identity."""
        told: dict[str, Any] = {}
        for change in deployment.json_records(topics.alarms):
            is_sick = change["target"] is not None and change["target"]["host"] == SICK_HOST
            if is_sick and change["detector"] == "r66":
                told.setdefault(change["id"], change)
        return [f"{change['previous']} to {change['state']}" for change in told.values()]

    with deployment.process("run", "worker-0") as worker:
        worker.wait_event("ready")
        load.start()
        wait_for(lambda: "pending to alarm" in states(), what="the alarm")
        worker.kill()
        worker.start().wait_event("ready")
        seen = len(deployment.json_records(topics.reports))
        wait_for(
            lambda: len(deployment.json_records(topics.reports)) > seen + 20,
            what="further windows",
        )
        gray.sick = frozenset()
        wait_for(lambda: "alarm to ok" in states(), what="the end of the alarm")
        load.stop()
        worker.terminate()
    expected = ["ok to pending", "pending to alarm", "alarm to ok"]
    assert expected == [moved for moved in states() if moved != "alarm to alarm"]
    records = read_topic(broker_tansu.bootstrap, topics.changelog("alarms"))
    owners = {(record.key() or b"").decode() for record in records}
    partitions = {f"{partition}" for partition in range(topics.tally_partitions)}
    assert {f"{name}/{epoch:020d}" for name in partitions for epoch in (1, 2)} <= owners
