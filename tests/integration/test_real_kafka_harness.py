"""The real Kafka that other tests stand on: it carries every codec and keeps its data."""

import uuid

import pytest
from confluent_kafka import Consumer, Producer

from tests.support.kafka import KafkaError, RealKafka

pytestmark = [pytest.mark.kafka]


def produce(bootstrap: str, topic: str, values: list[bytes], codec: str = "none") -> None:
    """Write the values, each acknowledged."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 20, "log_level": 0}
    )
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(30) == 0


def consume(bootstrap: str, topic: str, count: int) -> list[bytes]:
    """Read ``count`` values from the beginning of a topic of one partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": uuid.uuid4().hex,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    consumer.subscribe([topic])
    read = [message.value() or b"" for message in consumer.consume(count, timeout=60)]
    consumer.close()
    return read


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_codec_is_carried(kafka: RealKafka, unique_prefix: str, codec: str) -> None:
    topic = f"{unique_prefix}{codec}"
    kafka.create_topic(topic)
    expected = [b'{"event": %d, "codec": "%s"}' % (i, codec.encode()) for i in range(200)]
    produce(kafka.bootstrap, topic, expected, codec)
    assert expected == consume(kafka.bootstrap, topic, len(expected))


def test_a_topic_is_made_as_asked(kafka: RealKafka, unique_prefix: str) -> None:
    kafka.create_topic(f"{unique_prefix}four", partitions=4, retention_ms="60000")
    with pytest.raises(Exception, match="already exists"):
        kafka.create_topic(f"{unique_prefix}four")


def test_records_survive_a_stop_and_a_kill(private_kafka: RealKafka) -> None:
    bootstrap = private_kafka.bootstrap
    private_kafka.create_topic("kept")
    produce(bootstrap, "kept", [b"before the stop"])
    private_kafka.restart()
    assert bootstrap == private_kafka.bootstrap
    assert [b"before the stop"] == consume(bootstrap, "kept", 1)
    produce(bootstrap, "kept", [b"before the kill"])
    private_kafka.restart(kill=True)
    assert [b"before the stop", b"before the kill"] == consume(bootstrap, "kept", 2)


def test_a_broker_that_cannot_start_is_reported_with_its_last_words(kafka: RealKafka) -> None:
    broken = RealKafka({"log.cleaner.threads": -1})
    try:
        with pytest.raises(KafkaError, match=r"log\.cleaner\.threads"):
            broken.start()
    finally:
        broken.close()
