"""The bulk transport in worker processes, on a real Kafka and on the embedded broker."""

import os
import re
import signal
import time
from collections import Counter
from functools import partial
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.integration.bulk_harness import WorkerProcess, committed, produce
from tests.support.kafka import RealKafka

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
PROOF_SECONDS = 0.5

BROKERS = [
    pytest.param("kafka", marks=pytest.mark.kafka),
    pytest.param("broker_tansu", marks=pytest.mark.embedded),
]


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest) -> str:
    """Address of each kind of broker in turn."""
    return str(request.getfixturevalue(request.param).bootstrap)


def create(broker: str, topic: str, partitions: int = 1) -> None:
    admin = AdminClient({"bootstrap.servers": broker})
    admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])[
        topic
    ].result(30)


def runs(worker: WorkerProcess, topic: str) -> list[tuple[int, list[int]]]:
    """Return start and offsets of each assignment of each partition, in order.

    An assignment begins where the worker said ``started``.
    """
    found: list[tuple[int, list[int]]] = []
    current: dict[int, list[int]] = {}
    for said in tuple(worker.said):
        if said.get("topic") != topic:
            continue
        if said["kind"] == "started":
            current[said["partition"]] = []
            found.append((said["offset"], current[said["partition"]]))
        elif said["kind"] == "batch":
            current[said["partition"]] += said["offsets"]
    return found


def assert_no_gap(worker: WorkerProcess, topic: str) -> None:
    """Every assignment gave the log from its start on, without gap or repetition."""
    for start, offsets in runs(worker, topic):
        assert list(range(start, start + len(offsets))) == offsets


def is_busy(worker: WorkerProcess) -> bool:
    return len(worker.of("batch")) > 3


def assert_nothing_after_revocation(worker: WorkerProcess) -> None:
    """What was under way when an assignment ended never reached the agent."""
    newest = over = 0
    for said in tuple(worker.said):
        if said["kind"] == "batch":
            newest = max(newest, said["generation"])
            assert said["generation"] > over
        elif said["kind"] == "revoked":
            over = newest


@pytest.mark.slow
def test_every_codec_is_read_with_keys_headers_and_timestamps(
    broker: str, unique_prefix: str
) -> None:
    topics = {codec: f"{unique_prefix}{codec}" for codec in CODECS}
    texts = [f'{{"n":{number},"text":"{"x" * (number % 50)}"}}' for number in range(700)]
    before_ms = int(time.time() * 1000) - 1
    for codec, topic in topics.items():
        create(broker, topic)
        produce(broker, topic, texts, compression_type=codec)
    with WorkerProcess(
        broker, f"{unique_prefix}group", list(topics.values()), values=True
    ) as worker:
        worker.until(lambda: sum(map(len, map(worker.values, topics.values()))) >= 3500)

        for topic in topics.values():
            assert texts == worker.values(topic)
            batches = [said for said in worker.of("batch") if said["topic"] == topic]
            assert [str(number) for number in range(700)] == [
                key for batch in batches for key in batch["keys"]
            ]
            headers = [header for batch in batches for header in batch["headers"]]
            assert [[["number", str(number)]] for number in range(700)] == headers
            times = [moment for batch in batches for moment in batch["times"]]
            assert before_ms < min(times) <= max(times) <= time.time() * 1000 + 1
        assert 0 == worker.terminate()


@pytest.mark.kafka
@pytest.mark.slow
def test_aborted_transactions_and_markers_are_not_seen(
    kafka: RealKafka, unique_prefix: str
) -> None:
    """0-9 committed, 10 marker, 11-20 aborted, 21 marker, 22-24 plain, 25-34, 35 marker."""
    topic = f"{unique_prefix}logs"
    kafka.create_topic(topic)
    producer = Producer(
        {"bootstrap.servers": kafka.bootstrap, "transactional.id": unique_prefix, "log_level": 0}
    )
    producer.init_transactions(30)

    def transaction(name: str, *, commit: bool) -> None:
        producer.begin_transaction()
        for number in range(10):
            producer.produce(topic, value=f"{name}{number}", partition=0)
        producer.flush(20)
        (producer.commit_transaction if commit else producer.abort_transaction)(20)

    transaction("first", commit=True)
    transaction("aborted", commit=False)
    produce(kafka.bootstrap, topic, ["plain0", "plain1", "plain2"])
    transaction("second", commit=True)
    with WorkerProcess(kafka.bootstrap, unique_prefix, [topic], values=True) as worker:
        worker.until(lambda: len(worker.values(topic)) >= 23)
        worker.until(lambda: worker.of("end"))

        names = [*(("first", n) for n in range(10)), *(("plain", n) for n in range(3))]
        names += [("second", n) for n in range(10)]
        assert [f"{name}{number}" for name, number in names] == worker.values(topic)
        assert [*range(10), 22, 23, 24, *range(25, 35)] == worker.offsets(topic)[0]
        assert {35} == {end["next_offset"] for end in worker.of("end")}
        worker.until(lambda: committed(kafka.bootstrap, unique_prefix, topic, 1) == {0: 35})
        producer.begin_transaction()
        producer.produce(topic, value="hidden", partition=0)
        producer.flush(20)
        produce(kafka.bootstrap, topic, ["behind the open transaction"])
        time.sleep(2 * PROOF_SECONDS)
        before = len(worker.of("end"))
        time.sleep(4 * PROOF_SECONDS)

        assert before == len(worker.of("end")), "a log with an open transaction has no end"
        producer.abort_transaction(20)
        worker.until(lambda: len(worker.of("end")) > before)
        assert "behind the open transaction" == worker.values(topic)[-1]
        assert 38 == worker.of("end")[-1]["next_offset"]


@pytest.mark.slow
def test_bulk_topics_of_3_and_5_partitions_live_beside_a_table_and_a_small_topic(
    broker: str, unique_prefix: str
) -> None:
    group = f"{unique_prefix}group"
    logs, other, small = (f"{unique_prefix}{name}" for name in ("logs", "other", "small"))
    for topic, partitions in ((logs, 3), (other, 5), (small, 2)):
        create(broker, topic, partitions)
    produce(broker, logs, map(str, range(900)), partitions=3)
    produce(broker, other, map(str, range(1000)), partitions=5)
    settings = {"table": True, "small_topic": small}
    with WorkerProcess(broker, group, [logs, other], instance="a", **settings) as first:
        first.until_started(8)
        produce(broker, small, map(str, range(20)), partitions=2)
        first.until(lambda: len(first.of("small")) >= 20)
        first.until(lambda: sum(map(len, first.offsets(other).values())) >= 1000)
        first.until(lambda: sum(map(len, first.offsets(logs).values())) >= 900)

        assert {part: list(range(300)) for part in range(3)} == first.offsets(logs)
        assert {part: list(range(200)) for part in range(5)} == first.offsets(other)
        bulk = sorted([*([logs, n] for n in range(3)), *([other, n] for n in range(5))])
        first.until(lambda: any(tick["paused"] == bulk for tick in first.of("tick")))
        first.until(lambda: committed(broker, group, logs, 3) == dict.fromkeys(range(3), 300))
        with WorkerProcess(broker, group, [logs, other], instance="b", **settings) as second:
            second.until_started(3)
            first.until(lambda: first.of("revoked"))
            produce(broker, logs, map(str, range(900)), partitions=3)
            produce(broker, other, map(str, range(1000)), partitions=5)

            def seen(topic: str) -> set[tuple[int, int]]:
                return {
                    (partition, offset)
                    for worker in (first, second)
                    for partition, offsets in worker.offsets(topic).items()
                    for offset in offsets
                }

            second.until(lambda: len(seen(logs)) == 1800)
            second.until(lambda: len(seen(other)) == 2000)
            for worker in (first, second):
                assert_no_gap(worker, logs)
                assert_no_gap(worker, other)
            assert second.offsets(logs)
            assert second.offsets(other)
            assert 0 == second.terminate()
        first.until(lambda: committed(broker, group, other, 5) == dict.fromkeys(range(5), 400))


@pytest.mark.slow
def test_after_kill_9_a_worker_resumes_at_its_commits_and_sees_again_what_was_not_acked(
    broker: str, unique_prefix: str
) -> None:
    group, topic, held = f"{unique_prefix}group", f"{unique_prefix}logs", 4
    create(broker, topic, 2)
    settings = {"instance": "a", "hold_acks": held, "bulk": {"batch_records": 100}}
    produce(broker, topic, map(str, range(4000)), partitions=2)
    with WorkerProcess(broker, group, [topic], **settings) as first:
        first.until(lambda: sum(map(len, first.offsets(topic).values())) >= 4000)
        batches = {0: 0, 1: 0} | Counter(batch["partition"] for batch in first.of("batch"))
        assert min(batches.values()) > held
        unacked = {
            part: [batch for batch in first.of("batch") if batch["partition"] == part][-held:]
            for part in (0, 1)
        }
        expected = {part: waiting[0]["first"] for part, waiting in unacked.items()}
        first.until(lambda: committed(broker, group, topic, 2) == expected)
        first.kill()
    with WorkerProcess(broker, group, [topic], **settings) as second:
        second.until(lambda: sum(map(len, second.offsets(topic).values())) >= 1)
        second.until(
            lambda: (
                {part: offsets[-1] for part, offsets in second.offsets(topic).items()}
                == {0: 1999, 1: 1999}
            )
        )

        starts = {part: said["offset"] for (_, part), said in second.started().items()}
        assert expected == starts
        assert all(said["had_commit"] for said in second.started().values())
        assert {part: list(range(start, 2000)) for part, start in starts.items()} == second.offsets(
            topic
        )


@pytest.mark.kafka
@pytest.mark.slow
def test_rebalances_under_load_lose_nothing_and_drop_batches_of_older_assignments(
    kafka: RealKafka, unique_prefix: str
) -> None:
    topic, total = f"{unique_prefix}logs", 120_000
    kafka.create_topic(topic, 4)
    produce(kafka.bootstrap, topic, map(str, range(total)), partitions=4)
    settings: dict[str, Any] = {
        "hold_acks": 2,
        "seconds_per_batch": 0.02,
        "session_seconds": 6.0,
        "bulk": {"batch_records": 400},
    }

    def join(instance: str) -> WorkerProcess:
        return WorkerProcess(kafka.bootstrap, unique_prefix, [topic], instance=instance, **settings)

    with join("a") as first:
        first.until(lambda: first.of("batch"))
        others = []
        for ending in ("terminate", "terminate", "kill"):
            with join("b") as other:
                others.append(other)
                other.until(partial(is_busy, other))
                getattr(other, ending)()
        produce(kafka.bootstrap, topic, map(str, range(4000)), partitions=4)
        newest = (total + 4000) // 4 - 1
        first.until(
            lambda: (
                {part: offsets[-1] for part, offsets in first.offsets(topic).items()}
                == dict.fromkeys(range(4), newest)
            ),
        )

        seen: set[tuple[int, int]] = set()
        for worker in (first, *others):
            assert_no_gap(worker, topic)
            assert_nothing_after_revocation(worker)
            for partition, offsets in worker.offsets(topic).items():
                seen |= {(partition, offset) for offset in offsets}
        assert total + 4000 == len(seen)
        assert len(runs(first, topic)) > 4
        assert all(other.started() for other in others)


@pytest.mark.slow
def test_a_stop_in_order_is_quick_and_commits_what_was_acked(
    broker: str, unique_prefix: str
) -> None:
    group, topic = f"{unique_prefix}group", f"{unique_prefix}logs"
    create(broker, topic, 2)
    produce(broker, topic, map(str, range(60_000)), partitions=2)
    settings = {"instance": "a", "seconds_per_batch": 0.02, "bulk": {"batch_records": 200}}
    with WorkerProcess(broker, group, [topic], **settings) as worker:
        worker.until(lambda: len(worker.offsets(topic)) == 2)
        worker.until(lambda: min(map(len, worker.offsets(topic).values())) > 400)
        asked_at = time.monotonic()
        assert 0 == worker.terminate()
        assert 5 > time.monotonic() - asked_at
        acked = worker.offsets(topic)

    for partition, offset in committed(broker, group, topic, 2).items():
        last = acked[partition][-1] + 1
        assert last - 200 <= max(0, offset) <= last, "at most the batch in work is seen again"


@pytest.mark.kafka
@pytest.mark.slow
def test_the_end_of_a_log_is_proven_only_while_the_broker_answers(
    private_kafka: RealKafka, unique_prefix: str
) -> None:
    """Stopped, frozen and killed: silence. Back again: reading goes on and so do the proofs."""
    topic = f"{unique_prefix}logs"
    private_kafka.create_topic(topic, 2)
    address = private_kafka.bootstrap
    produce(address, topic, map(str, range(100)), partitions=2)
    with WorkerProcess(address, unique_prefix, [topic], instance="a") as worker:
        worker.until(lambda: len(worker.of("end")) >= 6)
        assert {(0, 50), (1, 50)} == {
            (end["partition"], end["next_offset"]) for end in worker.of("end")
        }
        assert max(end["age"] for end in worker.of("end")) < 2

        def assert_silence(seconds: float) -> None:
            time.sleep(2 * PROOF_SECONDS)
            before = len(worker.of("end"))
            time.sleep(seconds)
            assert before == len(worker.of("end"))

        def assert_life(count: int) -> None:
            before = len(worker.of("end"))
            produce(address, topic, map(str, range(2)), partitions=2)
            worker.until(lambda: set(map(len, worker.offsets(topic).values())) == {count})
            worker.until(lambda: len(worker.of("end")) > before + 3)
            assert count == worker.of("end")[-1]["next_offset"]

        assert private_kafka.pid is not None
        os.kill(private_kafka.pid, signal.SIGSTOP)
        assert_silence(2.5)
        os.kill(private_kafka.pid, signal.SIGCONT)
        assert_life(51)
        private_kafka.stop()
        assert_silence(2.5)
        private_kafka.start()
        assert_life(52)
        private_kafka.kill()
        assert_silence(2.5)
        private_kafka.start()
        assert_life(53)
        assert_no_gap(worker, topic)
        worker.until(lambda: committed(address, unique_prefix, topic, 2) == {0: 53, 1: 53})
        assert 0 == worker.terminate()


def test_proofs_come_at_most_every_half_second_and_say_where_the_log_ends(
    broker: str, unique_prefix: str
) -> None:
    """An empty partition has an end too; on tansu the end offset is asked of a log that lies."""
    topic = f"{unique_prefix}logs"
    create(broker, topic, 2)
    produce(broker, topic, map(str, range(777)))
    with WorkerProcess(broker, f"{unique_prefix}group", [topic], instance="a") as worker:
        worker.until(lambda: len(worker.of("end")) >= 8)
        ends = worker.of("end")
        assert {(0, 777), (1, 0)} == {(end["partition"], end["next_offset"]) for end in ends}
        began = time.monotonic()
        counted = len(worker.of("end"))
        time.sleep(3)
        rate = (len(worker.of("end")) - counted) / 2 / (time.monotonic() - began)
        assert 0.8 < rate <= 1 / PROOF_SECONDS * 1.2


@pytest.mark.kafka
def test_a_group_without_commits_starts_at_the_window_or_at_the_end(
    kafka: RealKafka, unique_prefix: str
) -> None:
    """Partition 0 has records in the window, partition 1 only older ones, partition 2 none."""
    topic = f"{unique_prefix}logs"
    kafka.create_topic(topic, 3)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for moment in range(1000, 2000, 10):
        producer.produce(topic, value=b"x", partition=0, timestamp=moment)
        producer.produce(topic, value=b"x", partition=1, timestamp=moment // 10)
    assert 0 == producer.flush(20)
    expected = {"window": (50, 100, 0), "latest": (100, 100, 0), "earliest": (0, 0, 0)}
    for start, offsets in expected.items():
        group = f"{unique_prefix}{start}"
        with WorkerProcess(
            kafka.bootstrap, group, [topic], start=start, start_ms=1495, instance="a"
        ) as worker:
            worker.until_started(3)
            begun = worker.started()
            assert offsets == tuple(begun[topic, partition]["offset"] for partition in range(3))
            assert not any(said["had_commit"] for said in begun.values())


@pytest.mark.kafka
@pytest.mark.slow
def test_a_slow_agent_keeps_memory_bounded(kafka: RealKafka, unique_prefix: str) -> None:
    """420 MB wait in the log; the worker may hold little more than librdkafka's 16 MiB."""
    topic = f"{unique_prefix}logs"
    kafka.create_topic(topic, 4)
    text = "x" * 700
    produce(kafka.bootstrap, topic, (text for _ in range(600_000)), partitions=4)
    settings = {
        "count_only": True,
        "seconds_per_batch": 0.25,
        "bulk": {"queued_kbytes": 16 * 1024, "batch_records": 2000},
    }
    with WorkerProcess(kafka.bootstrap, unique_prefix, [topic], instance="a", **settings) as worker:
        worker.until_started(4)
        idle = worker.of("tick")[-1]["rss_mib"] if worker.of("tick") else 80
        time.sleep(12)

        ticks = worker.of("tick")
        assert sum(lag for *_, lag in ticks[-1]["lag"]) > 400_000
        print("idle", idle, "highest", max(tick["rss_mib"] for tick in ticks))
        assert max(tick["rss_mib"] for tick in ticks) < 160
        assert 0 == worker.terminate()


@pytest.mark.kafka
def test_a_topic_that_is_deleted_stops_the_worker_with_a_clear_message(
    kafka: RealKafka, unique_prefix: str
) -> None:
    """For half a minute librdkafka takes a topic that vanishes for one that is still being made."""
    topic = f"{unique_prefix}logs"
    kafka.create_topic(topic)
    settings = {"instance": "a", "client": {"topic.metadata.propagation.max.ms": 100}}
    with WorkerProcess(kafka.bootstrap, unique_prefix, [topic], **settings) as worker:
        worker.until(lambda: worker.of("end"))
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        admin.delete_topics([topic])[topic].result(20)

        assert 0 != worker.process.wait(30)
        assert re.search(f"BulkReadError.*{topic}", worker.errors())


@pytest.mark.kafka
def test_a_topic_that_does_not_exist_stops_the_worker_with_a_clear_message(
    kafka: RealKafka, unique_prefix: str
) -> None:
    topic = f"{unique_prefix}logs"
    kafka.create_topic(topic)
    topics = [topic, f"{unique_prefix}typo"]
    with WorkerProcess(kafka.bootstrap, unique_prefix, topics, instance="a") as worker:
        assert 0 != worker.process.wait(30)
        assert f"kafka has no topic '{unique_prefix}typo'" in worker.errors()


@pytest.mark.kafka
def test_a_group_that_refuses_the_worker_stops_it_with_a_clear_message(
    kafka: RealKafka, unique_prefix: str
) -> None:
    """Kafka wants sessions of at least 6 s here; aiokafka keeps such an answer to itself."""
    topic = f"{unique_prefix}logs"
    kafka.create_topic(topic)
    settings = {"instance": "a", "session_seconds": 2.0}
    with WorkerProcess(kafka.bootstrap, unique_prefix, [topic], **settings) as worker:
        assert 0 != worker.process.wait(30)
        assert re.search("cannot be read any more.*InvalidSessionTimeout", worker.errors())


@pytest.mark.kafka
def test_what_retention_removed_is_counted_and_reading_goes_on(
    kafka: RealKafka, unique_prefix: str
) -> None:
    topic = f"{unique_prefix}logs"
    kafka.create_topic(topic)
    produce(kafka.bootstrap, topic, map(str, range(100)))
    with WorkerProcess(kafka.bootstrap, unique_prefix, [topic], instance="a") as worker:
        worker.until(lambda: committed(kafka.bootstrap, unique_prefix, topic, 1) == {0: 100})
        worker.kill()
    produce(kafka.bootstrap, topic, map(str, range(100)))
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    for removed in admin.delete_records([TopicPartition(topic, 0, 130)]).values():
        removed.result(20)
    with WorkerProcess(kafka.bootstrap, unique_prefix, [topic], instance="a") as worker:
        worker.until(lambda: worker.offsets(topic).get(0, [0])[-1] == 199)

        assert {0: list(range(130, 200))} == worker.offsets(topic)
        assert "offset 100 of" in worker.errors()
        worker.until(lambda: any(tick["lost"] == 30 for tick in worker.of("tick")))
