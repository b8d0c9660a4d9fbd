"""What the feed writes the follower reads, from the beginning and without a consumer group."""

import time

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from detector.demo.kafka_feed import LogFeed
from detector.demo.kafka_follow import ReadRecord, TopicReader
from detector.kafka.embedded_broker import EmbeddedBroker

pytestmark = pytest.mark.embedded


def create(broker: EmbeddedBroker, topic: str, partitions: int) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    for created in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        created.result()


def take(follower: TopicReader, count: int) -> list[ReadRecord]:
    """Wait until ``count`` records were read."""
    read: list[ReadRecord] = []
    deadline = time.monotonic() + 20.0
    while len(read) < count:
        assert time.monotonic() < deadline, f"read {len(read)} of {count}"
        read += follower.drain()
        time.sleep(0.01)
    return read


def test_every_line_is_written_once_counted_and_read_in_the_order_of_its_key(
    broker_tansu: EmbeddedBroker, unique_prefix: str
) -> None:
    topic = f"{unique_prefix}logs"
    create(broker_tansu, topic, 4)
    lines = [(b"h%d" % (n % 7), b"%d %d" % (n % 7, n), 1_000 + n) for n in range(3_000)]
    feed = LogFeed(broker_tansu.bootstrap, topic)
    feed.write(lines[:1_000])
    with TopicReader(broker_tansu.bootstrap, [topic], lambda: 12.5) as follower:
        feed.write(lines[1_000:])
        feed.close()
        read = take(follower, len(lines))
    assert (len(lines), 0) == (feed.written, feed.failed)
    assert {(topic, 12.5)} == {(each.topic, each.at) for each in read}
    for host in range(7):
        mark = b"%d " % host
        written = [value for _, value, _ in lines if value.startswith(mark)]
        assert written == [each.value for each in read if each.value.startswith(mark)]


def test_several_topics_are_followed_and_what_was_taken_is_not_given_again(
    broker_tansu: EmbeddedBroker, unique_prefix: str
) -> None:
    topics = [f"{unique_prefix}{name}" for name in ("a", "b")]
    for topic in topics:
        create(broker_tansu, topic, 1)
        feed = LogFeed(broker_tansu.bootstrap, topic)
        feed.write([(b"k", topic.encode(), 1)])
        feed.close()
    with TopicReader(broker_tansu.bootstrap, topics, lambda: 0.0) as follower:
        read = take(follower, 2)
        assert [] == list(follower.drain())
    assert {(topic, topic.encode()) for topic in topics} == {(r.topic, r.value) for r in read}


def test_a_topic_that_does_not_exist_is_refused(
    broker_tansu: EmbeddedBroker, unique_prefix: str
) -> None:
    follower = TopicReader(broker_tansu.bootstrap, [f"{unique_prefix}none"], lambda: 0.0)
    with pytest.raises(KafkaException):
        follower.__enter__()
