"""Every codec of Kafka on the input topic is counted exactly, on both brokers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.deployment import PARTITIONS, Deployment
from tests.support.kafka import RealKafka
from tests.support.producing import PacedProducer
from tests.support.tansu import EmbeddedBroker

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
EVENTS_PER_CODEC = 6_000


def assert_every_codec_is_counted(deployment: Deployment, bootstrap: str) -> None:
    """Write with each codec in turn while one worker counts; panes hold what the topic holds."""
    with deployment.process("run", "worker-0") as worker:
        worker.wait_event("ready")
        for codec in CODECS:
            producer = PacedProducer(
                bootstrap,
                deployment.topics.logs,
                partitions=PARTITIONS,
                rate=6_000,
                total=EVENTS_PER_CODEC,
                properties={"compression.type": codec},
            )
            producer.start()
            producer.finish(60)
        total = EVENTS_PER_CODEC * len(CODECS)
        truth = deployment.wait_exact(total=total)
        assert 0 == truth.late + truth.future + truth.unreadable
        counted = sum(rows.total() for rows in truth.requests.values())
        assert total == counted


def codec_bits(home: Iterator[bytes]) -> set[int]:
    """Return the codecs of all record batches in segment files (format v2: bits 0-2 at 21)."""
    seen = set()
    for segment in home:
        at = 0
        while at + 61 <= len(segment):
            length = int.from_bytes(segment[at + 8 : at + 12])
            assert 2 == segment[at + 16], "a record batch of format version 2"
            seen.add(int.from_bytes(segment[at + 21 : at + 23]) & 0b111)
            at += 12 + length
    return seen


@pytest.mark.kafka
@pytest.mark.slow
def test_every_codec_is_counted_exactly_on_a_real_kafka(
    kafka: RealKafka, unique_prefix: str, tmp_path: Path
) -> None:
    deployment = Deployment(kafka.bootstrap, unique_prefix, tmp_path)
    assert_every_codec_is_counted(deployment, kafka.bootstrap)
    folders = kafka.log_file.parent.glob(f"data/{deployment.topics.logs}-*/*.log")
    # The broker stores what it got: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    assert {0, 1, 2, 3, 4} == codec_bits(path.read_bytes().rstrip(b"\0") for path in folders)


@pytest.mark.embedded
@pytest.mark.slow
def test_every_codec_is_counted_exactly_on_the_embedded_broker(
    broker_tansu: EmbeddedBroker, unique_prefix: str, tmp_path: Path
) -> None:
    deployment = Deployment(broker_tansu.bootstrap, unique_prefix, tmp_path)
    assert_every_codec_is_counted(deployment, broker_tansu.bootstrap)
