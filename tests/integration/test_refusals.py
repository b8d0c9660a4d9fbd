"""A worker that its group refuses stops and says why; a supervisor sees it, and so does a human."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import kafka as real_kafka
from tests.support.deployment import Deployment
from tests.support.kafka import RealKafka


@pytest.fixture
def strict() -> Iterator[RealKafka]:
    """A broker that wants longer sessions than the default settings ask for."""
    real_kafka.require()
    with RealKafka({"group.min.session.timeout.ms": 60_000}) as broker:
        yield broker


@pytest.mark.kafka
def test_a_session_that_the_broker_does_not_allow_ends_the_worker_with_the_reason(
    strict: RealKafka, unique_prefix: str, tmp_path: Path
) -> None:
    with Deployment(strict.bootstrap, unique_prefix, tmp_path).process("run", "w") as worker:
        assert worker.wait() in {1, 70}
        assert "the worker must stop: [Error 26] InvalidSessionTimeout" in worker.tail()
