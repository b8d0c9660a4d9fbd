"""A detector under load with its API in front: what boto3 and the AWS CLI are pointed at."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from tests.support.aws import SECRET, client
from tests.support.deployment import PARTITIONS, Deployment
from tests.support.producing import GrayHosts, PacedProducer
from tests.support.worker import DetectorProcess

HOSTS = 20
SICK = 3
SICK_HOST = f"i-{SICK:017x}"
SOON = {
    "DETECTOR_WINDOWS__FUTURE_TOLERANCE_SECONDS": "2",
    "DETECTOR_RULES__LEAD_SECONDS": "4",
}
"""Changes of rules take effect after six seconds, so that a test sees them do so."""


class Served:
    """A worker, an API and a fleet with one gray host, from ``__enter__`` to ``__exit__``."""

    def __init__(self, bootstrap: str, prefix: str, directory: Path) -> None:
        own = {
            **SOON,
            "DETECTOR_HISTORY__PATH": str(directory / "history.duckdb"),
            "DETECTOR_API__PORT": "0",
        }
        self.deployment = Deployment(bootstrap, prefix, directory, own)
        self._worker = self.deployment.process("run", "worker-0")
        self.api = self.deployment.process("api", "api-0")
        self._load = PacedProducer(
            bootstrap,
            self.deployment.topics.logs,
            partitions=PARTITIONS,
            rate=400,
            hosts=HOSTS,
            disturb=GrayHosts(SICK, hosts=HOSTS),
            fault_share=0.0,
        )
        self.url = ""

    def __enter__(self) -> Self:
        """Start; the API answers when this returns."""
        self._worker.start().wait_event("ready")
        self._load.start()
        self.start_api()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing running."""
        try:
            self._load.stop()
        finally:
            for process in (self.api, self._worker):
                process.__exit__()

    def start_api(self) -> None:
        """Start the API, the first time or again."""
        self.url = url_of(self.api.start())

    def boto3(self, protocol: str = "", **more: Any) -> Any:
        """Return a client."""
        return client(self.url, protocol, **more)

    def cli(self, *words: str) -> Any:
        """Return what the AWS CLI prints, read as JSON."""
        done = aws(self.url, *words)
        assert 0 == done.returncode, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


def url_of(api: DetectorProcess) -> str:
    """Wait until an API answers; return its address."""
    return f"http://127.0.0.1:{api.wait_event('ready')['api_port']}"


def aws(
    url: str, *words: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the AWS CLI with nothing of this machine's own configuration."""
    own = {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_PAGER": "",
        "PATH": os.environ["PATH"],
        **(env or {}),
    }
    command = [sys.executable, "-m", "awscli", "cloudwatch", *words]
    return subprocess.run(
        [*command, "--endpoint-url", url, "--output", "json"],
        env=own,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def last_minutes(minutes: float = 5) -> dict[str, datetime]:
    """Return the members of a range that ends now."""
    now = datetime.now(UTC)
    return {"StartTime": now - timedelta(minutes=minutes), "EndTime": now}
