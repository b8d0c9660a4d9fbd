"""What a running worker says about itself over HTTP: readiness and metrics."""

import http.client
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from tests.support.ports import LOOPBACK
from tests.support.worker import DetectorProcess

ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class Probe:
    """The loopback port on which one process tells of itself."""

    port: int

    @staticmethod
    def of(process: DetectorProcess) -> "Probe":
        """Find the port in the log line that says it."""
        return Probe(process.wait_event("started")["metrics_port"])

    def readiness(self) -> int:
        """Return the status of ``/readyz``; 0 when nobody answers."""
        try:
            return self._ask("/readyz")[0]
        except (OSError, http.client.HTTPException):
            return 0

    def metric(self, sample: str, label: str = "") -> dict[str, float]:
        """Return the values of one sample name by the value of ``label`` (all under "" without)."""
        found: dict[str, float] = {}
        for family in text_string_to_metric_families(self._ask("/metrics")[1]):
            for each in family.samples:
                if each.name == sample:
                    key = each.labels.get(label, "")
                    found[key] = found.get(key, 0.0) + each.value
        return found

    def _ask(self, page: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", page)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()
