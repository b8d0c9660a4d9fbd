"""Each private name and unwritten habit of Faust and aiokafka that the bulk transport leans on.

When one of these fails after an upgrade, read ``detector/kafka/bulk_transport/consumer.py``
again before touching the test: exactness depends on them.
"""

import inspect
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import faust
import faust.streams
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.app.base import App
from faust.channels import Channel
from faust.tables.recovery import Recovery
from faust.topics import Topic
from faust.transport.consumer import Consumer, ThreadDelegateConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import ConsumerMessage
from mode.services import Service
from mode.threads import QueueServiceThread
from mode.utils.queues import FlowControlEvent, ThrowableQueue

from detector.kafka.bulk_transport.positions import NothingRead


def parameters(function: Callable[..., Any]) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


def source(thing: Any) -> str:
    return inspect.getsource(thing)


@pytest.mark.parametrize(
    ("package", "pinned"),
    [
        ("faust-streaming", "0.15.3"),
        ("mode-streaming", "0.7.1"),
        ("aiokafka", "0.14.0"),
        ("confluent-kafka", "2.16.1"),
    ],
)
def test_the_versions_are_those_that_were_read(package: str, pinned: str) -> None:
    assert pinned == version(package)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        pytest.param(Consumer._new_offset, ["tp"], id="Consumer._new_offset"),
        pytest.param(Consumer.ack, ["message"], id="Consumer.ack"),
        pytest.param(Consumer.resume_flow, [], id="Consumer.resume_flow"),
        pytest.param(Consumer.on_buffer_full, ["tp"], id="Consumer.on_buffer_full"),
        pytest.param(Consumer.on_buffer_drop, ["tp"], id="Consumer.on_buffer_drop"),
        pytest.param(Consumer.on_stop, [], id="Consumer.on_stop"),
        pytest.param(
            driver.Consumer.verify_event_path, ["now", "tp"], id="Consumer.verify_event_path"
        ),
        pytest.param(Consumer.on_partitions_revoked, ["revoked"], id="on_partitions_revoked"),
        pytest.param(ThreadDelegateConsumer.assignment, [], id="Consumer.assignment"),
        pytest.param(
            driver.AIOKafkaConsumerThread._ensure_consumer, [], id="thread._ensure_consumer"
        ),
        pytest.param(
            QueueServiceThread.call_thread, ["fun", "args", "kwargs"], id="thread.call_thread"
        ),
        pytest.param(
            driver.ConsumerRebalanceListener.on_partitions_assigned,
            ["assigned"],
            id="listener.on_partitions_assigned",
        ),
        pytest.param(driver.ConsumerRebalanceListener.__init__, ["thread"], id="listener"),
        pytest.param(driver.Transport.create_consumer, ["callback", "kwargs"], id="create"),
        pytest.param(faust.Schema.compile, None, id="Schema.compile"),
        pytest.param(App.create_event, ["key", "value", "headers", "message"], id="create_event"),
        pytest.param(Service.add_future, ["coro"], id="Service.add_future"),
        pytest.param(Service.crash, ["reason"], id="Service.crash"),
        pytest.param(AIOKafkaConsumer.pause, ["partitions"], id="aiokafka.pause"),
        pytest.param(AIOKafkaConsumer.committed, ["partition"], id="aiokafka.committed"),
        pytest.param(AIOKafkaConsumer.offsets_for_times, ["timestamps"], id="offsets_for_times"),
        pytest.param(AIOKafkaConsumer.beginning_offsets, ["partitions"], id="beginning_offsets"),
        pytest.param(AIOKafkaConsumer.end_offsets, ["partitions"], id="end_offsets"),
    ],
)
def test_the_function_takes_what_it_took(
    function: Callable[..., Any], expected: list[str] | None
) -> None:
    found = parameters(function)
    if expected is None:
        assert "app" == found[0]
    else:
        assert expected == found


@pytest.mark.parametrize(
    "name",
    ["_acked", "_acked_index", "_committed_offset", "_read_offset", "_unacked_messages"],
)
def test_the_consumer_keeps_this_book(name: str) -> None:
    assert re.search(rf"self\.{name} = ", source(Consumer.__init__))


def test_the_consumer_makes_its_thread_and_its_thread_makes_the_listener() -> None:
    assert "self._thread = self._new_consumer_thread()" in source(ThreadDelegateConsumer.__init__)
    assert "consumer.RebalanceListener(self)" in source(driver.AIOKafkaConsumerThread)
    assert "self._thread: " in source(driver.ConsumerRebalanceListener.__init__)
    assert "self.consumer = consumer" in source(
        driver.AIOKafkaConsumerThread.__mro__[1].__init__  # type: ignore[misc]
    )


def test_the_transport_makes_the_consumer_from_these_arguments() -> None:
    assert "self.Consumer(self, callback=callback, loop=self.loop, **kwargs)" in source(
        driver.Transport.create_consumer
    )
    assert ["url", "app", "loop"] == parameters(driver.Transport.__mro__[1].__init__)  # type: ignore[misc]


def test_a_message_carries_its_generation_and_a_topic_its_queue_size() -> None:
    wanted = ["topic", "partition", "offset", "timestamp", "timestamp_type", "headers", "key"]
    assert wanted == parameters(ConsumerMessage)[:7]
    assert {"value", "checksum", "tp", "generation_id"} <= set(parameters(ConsumerMessage))
    assert "maxsize" in parameters(Topic.__init__)
    assert '"maxsize": self.maxsize' in source(Channel._clone_args)


@pytest.mark.parametrize("resume", [Recovery.on_recovery_completed, Recovery._resume_streams])
def test_flow_is_resumed_for_good_only_after_the_signal_that_prepares_reading(
    resume: Callable[..., Any],
) -> None:
    """The order that ``prepare_bulk`` and ``resume_flow`` rely on; no queue is emptied later."""
    text = source(resume)
    order = [
        "app.on_rebalance_complete.send()",
        "consumer.resume_partitions(",
        "consumer.perform_seek()",
        "app.flow_control.resume()",
        "consumer.resume_flow()",
        "app.on_rebalance_end()",
    ]
    places = [text.index(step) for step in order]
    assert sorted(places) == places
    assert 1 == text.count("flow_control.resume()") == text.count("consumer.resume_flow()")


def test_resuming_the_flow_empties_the_queues_and_so_does_a_rebalance() -> None:
    assert "self.clear()" in source(FlowControlEvent.resume)
    assert "putter.cancel()" in source(ThrowableQueue.clear)
    revoked = source(App._on_partitions_revoked)
    assert revoked.index("flow_control.suspend)()") < revoked.index("flow_control.clear)()")


def test_an_event_of_an_older_generation_is_skipped_without_an_ack() -> None:
    """In the compiled iterator, whose source comes with the wheel, and in its Python twin."""
    compiled = Path(faust.__file__).parent / "_cython" / "streams.pyx"
    for text in (compiled.read_text(), source(faust.streams)):
        assert "message.generation_id != " in text.replace("app.", "")
        assert "flow_control.is_active()" in text


def test_acks_that_a_stream_does_not_give_itself_go_through_the_consumer() -> None:
    assert "return consumer.ack(self)" in source(ConsumerMessage.on_final_ack)


def test_partitions_can_be_paused_before_aiokafka_fetches_them() -> None:
    """Positions are asked for just before the listener is called, with no turn in between."""
    text = source(GroupCoordinator._on_join_complete)
    start = text.index("self.start_commit_offsets_refresh_task(")
    assigned = text.index("listener.on_partitions_assigned(")
    assert start < assigned
    assert "await" not in text[start:assigned]


def test_a_rebalance_is_announced_on_the_loop_before_the_next_generation_is_known() -> None:
    revoked = source(driver.ConsumerRebalanceListener.on_partitions_revoked)
    assigned = source(driver.ConsumerRebalanceListener.on_partitions_assigned)
    assert "thread.on_partitions_revoked(" in revoked
    assert "app.consumer_generation_id = generation" in assigned


def test_who_waits_for_an_assignment_is_not_told_why_the_group_refuses() -> None:
    """Errors are kept until asked for; Faust asks only by fetching."""
    assert ["self"] == list(inspect.signature(GroupCoordinator.check_errors).parameters)
    assert "self._coordinator = GroupCoordinator(" in source(AIOKafkaConsumer.start)
    assert "check_errors" not in source(driver)


def test_how_long_a_fetch_waits_is_told_to_the_client_before_it_starts() -> None:
    assert "fetch_max_wait_ms=1500" in source(driver.AIOKafkaConsumerThread._create_worker_consumer)
    assert "self._create_worker_consumer(transport)" in source(
        driver.AIOKafkaConsumerThread._create_consumer
    )
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in source(AIOKafkaConsumer.start)
    assert "AIOKafkaConsumerThread(self, loop=self.loop, beacon=self.beacon)" in source(
        driver.Consumer._new_consumer_thread
    )


def test_a_gap_is_booked_by_one_method_and_what_is_committed_found_by_another() -> None:
    """Both are replaced: the list of gaps counts the record after a gap as acknowledged, unread."""
    assert ["tp", "offset_from", "offset_to"] == parameters(Consumer._add_gap)
    assert "self._add_gap(tp, r_offset + 1, offset)" in source(Consumer._drain_messages)
    assert "self._new_offset(tp)" in source(Consumer)


def test_what_was_read_last_is_asked_of_one_book_which_may_be_kept_empty() -> None:
    drained = source(Consumer._drain_messages)
    assert "get_read_offset = self._read_offset.__getitem__" in drained
    assert "r_offset is None or offset >= r_offset" in drained
    empty = NothingRead()
    empty["tp"] = 7
    assert empty["tp"] is None
    assert empty["another"] is None
