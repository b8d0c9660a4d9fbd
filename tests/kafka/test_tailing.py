"""Topics are read without a trace, from either end, on both brokers."""

import json
import threading

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from detector.core.topics import TopicSpec
from detector.kafka.tailing import Tail, TailedRecord, TailError
from detector.kafka.topic_admin import TopicAdmin
from tests.support.ports import free_port


@pytest.fixture(
    params=[
        pytest.param("broker_tansu", marks=pytest.mark.embedded),
        pytest.param("kafka", marks=pytest.mark.kafka),
    ]
)
def bootstrap(request: pytest.FixtureRequest) -> str:
    """Address of each broker in turn."""
    address: str = request.getfixturevalue(request.param).bootstrap
    return address


@pytest.fixture
def topic(bootstrap: str, unique_prefix: str) -> str:
    """Name of a new topic of three partitions."""
    name = f"{unique_prefix}tailed"
    TopicAdmin({"bootstrap.servers": bootstrap}).create([TopicSpec(name, 3, {})])
    return name


def write(bootstrap: str, topic: str, *values: bytes | None, partition: int = 0) -> None:
    """Write one awaited record after the other, as the embedded broker needs it."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for value in values:
        producer.produce(topic, value, b"key", partition, headers=[("name", b"\xffx")])
        assert 0 == producer.flush(30)


def test_everything_from_the_beginning_to_the_end(bootstrap: str, topic: str) -> None:
    for partition in range(3):
        write(bootstrap, topic, b"1", b"2", partition=partition)
    with Tail({"bootstrap.servers": bootstrap}, topic, from_beginning=True) as tail:
        found = list(tail.records(follow=False))
    expected = [(partition, offset) for partition in range(3) for offset in range(2)]
    assert expected == sorted((record.partition, record.offset) for record in found)
    assert {(b"key", (("name", b"\xffx"),))} == {(each.key, each.headers) for each in found}


def test_an_empty_topic_ends_at_once(bootstrap: str, topic: str) -> None:
    with Tail({"bootstrap.servers": bootstrap}, topic, from_beginning=True) as tail:
        assert [] == list(tail.records(follow=False))


def test_what_comes_later_is_followed(bootstrap: str, topic: str) -> None:
    write(bootstrap, topic, b"old")
    with Tail({"bootstrap.servers": bootstrap}, topic) as tail:
        # The end is fixed when it has been seen; only then something new may come.
        assert [] == list(tail.records(follow=False))
        writer = threading.Thread(target=write, args=(bootstrap, topic, b"new"))
        writer.start()
        assert b"new" == next(tail.records()).value
        writer.join()


def test_reading_leaves_no_group(bootstrap: str, topic: str) -> None:
    write(bootstrap, topic, b"1")
    with Tail({"bootstrap.servers": bootstrap}, topic, from_beginning=True) as tail:
        assert 1 == len(list(tail.records(follow=False)))
    admin = AdminClient({"bootstrap.servers": bootstrap})
    groups = admin.list_consumer_groups().result(30)
    assert "detector-tail" not in {group.group_id for group in groups.valid}


def test_a_topic_that_is_not_there_is_reported(bootstrap: str, unique_prefix: str) -> None:
    with pytest.raises(TailError, match=r"no such topic '.*nothing': run `detector topics create`"):
        Tail({"bootstrap.servers": bootstrap}, f"{unique_prefix}nothing")


def test_a_broker_that_does_not_answer_is_an_error() -> None:
    client = {"bootstrap.servers": f"127.0.0.1:{free_port()}"}
    with pytest.raises(KafkaException, match="transport failure"):
        Tail(client, "x", timeout_seconds=0.5)


def record(value: bytes | None) -> TailedRecord:
    return TailedRecord("t", 1, 2, 3, b"k\xff", value, (("h", b"v"),))


def test_a_record_is_one_line_of_json() -> None:
    common = {"topic": "t", "partition": 1, "offset": 2, "timestamp": 3, "key": "k\\xff"}
    common |= {"headers": {"h": "v"}}
    assert {**common, "value": {"a": "\n"}} == json.loads(record(b'{"a": "\\n"}').to_json())
    assert {**common, "value": None} == json.loads(record(None).to_json())
    assert {**common, "value_base64": "/w=="} == json.loads(record(b"\xff").to_json())
    assert "\n" not in record(b'{"a": "\\n"}').to_json()


def test_a_value_that_is_not_json_has_no_document() -> None:
    assert record(b"nonsense").document() is None
    assert record(b'{"a": 1}').document() == {"a": 1}
