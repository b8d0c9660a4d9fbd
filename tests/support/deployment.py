"""A detector on a broker under test: topics of its own, processes with its settings."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from detector.core.topics import Topics, TopicSpec
from detector.decisions.kill_switch import encode_kill_switch
from detector.kafka.topic_admin import TopicAdmin
from tests.support.producing import new_producer
from tests.support.recount import Truth, compare, read_tallies, read_topic, recount
from tests.support.schemas import invalid
from tests.support.waiting import wait_for
from tests.support.worker import DetectorProcess

PANE_MS = 1000
LATENESS_MS = 500
WINDOW_PANES = 6
PARTITIONS = 4

FAST = {
    "DETECTOR_WINDOWS__PANE_SECONDS": "1",
    "DETECTOR_WINDOWS__LATENESS_SECONDS": "0.5",
    "DETECTOR_WINDOWS__IDLE_SECONDS": "3",
    "DETECTOR_INPUT__START": "earliest",
}
"""Panes of one second, so that a test sees many windows in little time."""


class Deployment:
    """Topics exist when it is built; the kill switch is off."""

    def __init__(
        self, bootstrap: str, prefix: str, directory: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.bootstrap = bootstrap
        self.topics = Topics(prefix)
        self.env = {
            **FAST,
            "DETECTOR_BROKER": bootstrap,
            "DETECTOR_TOPIC_PREFIX": prefix,
            **(env or {}),
        }
        self._directory = directory
        admin = TopicAdmin({"bootstrap.servers": bootstrap})
        specs = (*self.topics.specs(), TopicSpec(self.topics.logs, PARTITIONS, {}))
        admin.create(specs, replication_factor=1)
        self.kill_switch(engaged=False)

    def kill_switch(self, *, engaged: bool) -> None:
        """Put the kill switch on or off."""
        value = encode_kill_switch(engaged=engaged, reason="test", by="test", at=0.0)
        producer = new_producer(self.bootstrap, **{"enable.idempotence": False})
        producer.produce(self.topics.control, value, key=b"kill_switch")
        assert 0 == producer.flush(30)

    def process(
        self,
        role: str,
        name: str,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] | None = None,
    ) -> DetectorProcess:
        """Return a process, not started; ``name`` is its worker id and the name of its log."""
        own = {**self.env, "DETECTOR_WORKER_ID": name, **(env or {})}
        return DetectorProcess(role, own, self._directory / f"{name}.log", command)

    def truth(self, **rules: Any) -> Truth:
        """Recount the input topic; ``rules`` are further arguments of ``recount``."""
        return recount(
            self.bootstrap, self.topics.logs, pane_ms=PANE_MS, lateness_ms=LATENESS_MS, **rules
        )

    def wait_exact(self, *, total: int, **rules: Any) -> Truth:
        """Wait until every pane of ``total`` events is published, and return the recount."""
        truth = self.truth(**rules)
        assert total == truth.events

        def done() -> bool:
            published = read_tallies(self.bootstrap, self.topics.tallies)
            return set(truth.requests) <= set(published.requests)

        wait_for(done, what="every pane to be published", every=0.5)
        published = read_tallies(self.bootstrap, self.topics.tallies)
        assert [] == compare(truth, published, all_panes=True)[:5]
        return truth

    def json_records(self, topic: str) -> list[dict[str, Any]]:
        """Return every record of a public topic, each valid under its JSON Schema."""
        raw = [message.value() for message in read_topic(self.bootstrap, topic)]
        assert [] == [fault for value in raw if value for fault in invalid(value)][:5]
        return [json.loads(value or b"null") for value in raw]

    def compare_reports(self, truth: Truth) -> list[str]:
        """Return every complete fleet report, first of its window, that differs."""
        requests: dict[tuple[str, int], int] = defaultdict(int)
        faults: dict[tuple[str, int], Counter[tuple[str, str]]] = defaultdict(Counter)
        for (_, _, start), rows in truth.requests.items():
            for (service, _, _), count in rows.items():
                requests[service, start] += count
        for (_, _, start), rows in truth.faults.items():
            for (service, zone, host), count in rows.items():
                faults[service, start][zone, host] += count
        seen: set[tuple[str, int]] = set()
        wrong = []
        for report in self.json_records(self.topics.reports):
            service = report["subject"].removeprefix("fleet:")
            identity = (service, report["window_end"])
            if service == report["subject"] or not report["complete"] or identity in seen:
                continue
            seen.add(identity)
            panes = range(report["window_start"], report["window_end"], PANE_MS)
            expected: Counter[tuple[str, str]] = sum((faults[service, p] for p in panes), Counter())
            published = {tuple(each["keys"]): each["value"] for each in report["contributors"]}
            if (
                report["totals"]["requests"] != sum(requests[service, pane] for pane in panes)
                or report["sum"] != expected.total()
                or any(expected[key] != value for key, value in published.items() if value)
            ):
                wrong.append(f"report {identity}: {report['totals']} {report['sum']}")
        assert seen, "no complete report was made"
        return wrong
