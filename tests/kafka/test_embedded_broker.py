"""The embedded broker starts on loopback alone, carries records, and leaves nothing behind."""

import socket
import stat
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from detector.kafka import embedded_broker
from detector.kafka.embedded_broker import EmbeddedBroker, EmbeddedBrokerError
from tests.support.ports import free_port

pytestmark = pytest.mark.embedded


def accepts(host: str, port: int) -> bool:
    """Return whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False


def port_of(broker: EmbeddedBroker) -> int:
    """Port of a started broker."""
    return int(broker.bootstrap.rpartition(":")[2])


def fake_binary(folder: Path, text: str) -> Path:
    """Write a program that stands in for a broken broker."""
    binary = folder / "tansu"
    binary.write_text(f"#!/bin/sh\n{text}\n")
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    return binary


async def test_records_written_are_read_back_in_order(
    broker_tansu: EmbeddedBroker, unique_prefix: str
) -> None:
    topic = f"{unique_prefix}events"
    admin = AIOKafkaAdminClient(bootstrap_servers=broker_tansu.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()
    expected = [f"event {number}".encode() for number in range(100)]
    async with AIOKafkaProducer(bootstrap_servers=broker_tansu.bootstrap) as producer:
        for value in expected:
            await producer.send_and_wait(topic, value)
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=broker_tansu.bootstrap, auto_offset_reset="earliest"
    ) as consumer:
        read = [(await consumer.getone()).value for _ in expected]
    assert expected == read


def test_a_stopped_broker_has_closed_its_port_and_ended_its_process() -> None:
    broker = EmbeddedBroker()
    with broker:
        port = port_of(broker)
        assert broker.pid is not None
        assert accepts("127.0.0.1", port)
    assert broker.pid is None
    assert not accepts("127.0.0.1", port)


def test_the_broker_listens_on_loopback_alone() -> None:
    with EmbeddedBroker() as broker:
        # Every address of 127.0.0.0/8 is this machine's: a broker on all interfaces would answer.
        assert not accepts("127.0.0.2", port_of(broker))


def test_a_chosen_port_is_used_and_can_be_used_again() -> None:
    port = free_port()
    for _ in range(2):
        with EmbeddedBroker(port=port) as broker:
            assert f"127.0.0.1:{port}" == broker.bootstrap


def test_a_taken_port_is_refused_by_name() -> None:
    with (
        EmbeddedBroker() as first,
        pytest.raises(EmbeddedBrokerError, match=f"port {port_of(first)} on 127.0.0.1 is taken"),
    ):
        EmbeddedBroker(port=port_of(first)).start()


def test_a_second_start_while_running_is_refused() -> None:
    with EmbeddedBroker() as broker, pytest.raises(EmbeddedBrokerError, match="already running"):
        broker.start()


def test_stopping_twice_is_harmless() -> None:
    broker = EmbeddedBroker().start()
    broker.stop()
    broker.stop()
    assert broker.pid is None


def test_a_broker_that_exits_is_reported_with_its_last_words(tmp_path: Path) -> None:
    binary = fake_binary(tmp_path, "echo out of luck; exit 3")
    with pytest.raises(EmbeddedBrokerError, match=r"ended with code 3 .*out of luck"):
        EmbeddedBroker(binary=binary).start()


def test_a_broker_that_never_listens_is_ended_and_reported(tmp_path: Path) -> None:
    binary = fake_binary(tmp_path, "exec /bin/sleep 60")
    broker = EmbeddedBroker(binary=binary, ready_seconds=0.1)
    with pytest.raises(EmbeddedBrokerError, match=r"did not answer within 0\.1 seconds"):
        broker.start()
    assert broker.pid is None


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_broker, "_PACKAGE", "no_such_package_at_all")
    with pytest.raises(EmbeddedBrokerError, match="is not installed"):
        embedded_broker.find_binary()


def test_a_package_without_a_binary_names_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_broker, "_PACKAGE", "json")
    with pytest.raises(EmbeddedBrokerError, match="no binary for this platform"):
        embedded_broker.find_binary()
