"""Late, future, unreadable and repeated events: every loss is counted, exactly as it was sent."""

import json
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from confluent_kafka import Message

from detector.core.vocabulary import DeadLetterReason
from detector.gameday.emf import benchmark_bodies, benchmark_event
from detector.settings.model import shipped_rules
from tests.support.deployment import PARTITIONS, Deployment
from tests.support.kafka import RealKafka
from tests.support.probing import Probe
from tests.support.producing import PacedProducer, new_producer
from tests.support.recount import read_tallies, read_topic
from tests.support.waiting import wait_for

TOTAL = 20_000
WARM_UP = 2_000
"""Events before the first loss: each partition must have a watermark that can be missed."""
LATE_MS, FUTURE_MS = 20_000, 120_000
RECORD_BYTES, NESTING, EVENTS_PER_RECORD = 16_384, 16, 10
COPIES = 20
"""Records of each reason: with eleven reasons about 1 % of all events."""
CLF_RULE = {
    "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
    "LogGroupNames": ["*"],
    "LogFormat": "CLF",
    "Fields": {"1": "address"},
    "Contribution": {"Keys": ["address"]},
    "AggregateOn": "Count",
}
"""Only where a rule reads lines can a line be a bad one."""
MARKER = "secret-of-a-customer"
"""Stands in every unreadable record, and so nowhere in our logs."""

Headers = list[tuple[str, str | bytes | None]]


def poison(event: bytes) -> dict[DeadLetterReason, bytes]:
    """Return one unreadable value for every reason of the closed list, made from a good event."""

    def changed(**members: object) -> bytes:
        return json.dumps({**json.loads(event), "Note": MARKER, **members}).encode()

    reason = DeadLetterReason
    return {
        reason.TOO_LARGE: changed(Padding="x" * RECORD_BYTES),
        reason.TOO_DEEP: b"[" * (NESTING + 1) + changed() + b"]" * (NESTING + 1),
        reason.TOO_MANY_EVENTS: b"[%b]" % b",".join([changed(Msg="")] * (EVENTS_PER_RECORD + 1)),
        reason.BAD_UTF8: event.replace(b'"Msg":"', b'"Msg":"' + MARKER.encode() + b"\xff\xfe"),
        reason.BAD_JSON: changed()[:-9],
        reason.NOT_AN_OBJECT: json.dumps([MARKER]).encode(),
        reason.NO_KNOWN_FIELD: json.dumps({MARKER: MARKER}).encode(),
        reason.BAD_VALUE: changed(Faults=True),
        reason.BAD_TIME: changed(_aws={"Timestamp": MARKER, "CloudWatchMetrics": []}),
        reason.BAD_LINE: f"10.0.0.1 - - [no end of {MARKER}".encode(),
        reason.UNSUPPORTED_ENCODING: json.dumps({"resourceLogs": [MARKER]}).encode(),
    }


def disturbed(sent: Counter[str]) -> Callable[[int, int, bytes], bytes]:
    """Make 5 % of the events late, 1 % come from the future and 2 % repeat the one before."""
    last: dict[int, bytes] = {}

    def disturb(number: int, now_ms: int, body: bytes) -> bytes:
        unique = b'"RequestId":"%032x"' % number
        body = re.sub(rb'"RequestId":"[0-9a-f]{32}"', unique, body)
        partition = number % PARTITIONS
        draw = number // PARTITIONS % 100
        if number >= WARM_UP and draw < 5:
            sent["late"] += 1
            return benchmark_event(now_ms - LATE_MS, body)
        if number >= WARM_UP and draw == 5:
            sent["future"] += 1
            return benchmark_event(now_ms + FUTURE_MS, body)
        if number >= WARM_UP and draw in {7, 60}:
            sent["duplicate"] += 1
            return last[partition]
        last[partition] = benchmark_event(now_ms, body)
        return last[partition]

    return disturb


def send_poison(bootstrap: str, topic: str) -> int:
    """Write every kind of unreadable record to every partition, with keys and odd headers."""
    producer = new_producer(bootstrap)
    event = benchmark_event(int(time.time() * 1000), benchmark_bodies(3, 1)[0])
    sent = 0
    for copy in range(COPIES):
        for reason, value in poison(event).items():
            headers: Headers = [
                ("poison", reason.value),
                ("twice", b"\x00\xff"),
                ("twice", MARKER.encode()),
                ("empty", b""),
                ("null", None),
            ]
            key = None if copy == 0 else b"\x00\xfe%d" % copy
            producer.produce(topic, value, key, partition=sent % PARTITIONS, headers=headers)
            sent += 1
    assert 0 == producer.flush(30)
    return sent


def headers_of(message: Message) -> list[tuple[str, bytes | None]]:
    """Return the headers as the broker has them."""
    return cast("list[tuple[str, bytes | None]]", message.headers() or [])


def is_poison(message: Message) -> bool:
    """Tell records that this test made unreadable."""
    return any(name == "poison" for name, _ in headers_of(message))


def assert_dead_letters_are_the_records(deployment: Deployment, letters: list[Message]) -> None:
    """Hold every dead letter against the record that it says it is, byte for byte."""
    topic = deployment.topics.logs
    bad = {
        (message.partition() or 0, message.offset() or 0): message
        for message in read_topic(deployment.bootstrap, topic)
        if is_poison(message)
    }
    for letter in letters:
        headers = headers_of(letter)
        told = dict(headers[-6:])
        partition, offset = told["__streams.errors.partition"], told["__streams.errors.offset"]
        original = bad.pop((int(partition or b""), int(offset or b"")))  # Each record once.
        assert original.key() == letter.key()
        assert original.value() == letter.value()
        assert headers_of(original) == headers[:-6]
        assert dict(headers_of(original))["poison"] == told["detector.reason"]
        assert topic.encode() == told["__streams.errors.topic"]
        assert told["__streams.errors.exception"]
        assert told["__streams.errors.message"]
    assert {} == bad


@pytest.mark.kafka
@pytest.mark.slow
def test_every_loss_is_counted_as_it_was_sent(
    kafka: RealKafka, unique_prefix: str, tmp_path: Path
) -> None:
    """5 % late, 1 % future, 1 % unreadable, 2 % repeated: told exactly, and nothing else lost."""
    rules = tmp_path / "rules"
    shutil.copytree(shipped_rules(), rules)
    (rules / "lines-by-address.json").write_text(json.dumps(CLF_RULE))
    env = {
        "DETECTOR_RULES_DIR": str(rules),
        "DETECTOR_FIELDS__EVENT_ID": "RequestId",
        "DETECTOR_INPUT__RECORD_BYTES": str(RECORD_BYTES),
        "DETECTOR_INPUT__NESTING": str(NESTING),
        "DETECTOR_INPUT__EVENTS_PER_RECORD": str(EVENTS_PER_RECORD),
    }
    deployment = Deployment(kafka.bootstrap, unique_prefix, tmp_path, env)
    topics = deployment.topics
    sent: Counter[str] = Counter()
    producer = PacedProducer(
        kafka.bootstrap,
        topics.logs,
        partitions=PARTITIONS,
        rate=2_000,
        total=TOTAL,
        disturb=disturbed(sent),
    )
    with deployment.process("run", "worker-0") as worker:
        worker.wait_event("ready")
        producer.start()
        wait_for(lambda: producer.sent > WARM_UP, what="load")
        poisoned = send_poison(kafka.bootstrap, topics.logs)
        producer.finish(60)
        truth = deployment.wait_exact(
            total=TOTAL + poisoned, id_field="RequestId", is_poison=is_poison
        )
        assert COPIES * len(DeadLetterReason) == poisoned
        assert {"late": 900, "future": 180, "duplicate": 360} == dict(sent)
        recounted = {"late": truth.late, "future": truth.future, "duplicate": truth.duplicates}
        assert sent == recounted
        told = read_tallies(kafka.bootstrap, topics.tallies)
        assert sent == {"late": told.late, "future": told.future, "duplicate": told.duplicates}
        probe = Probe.of(worker)
        assert sent == probe.metric("detector_events_lost_total", "reason")
        dead = probe.metric("detector_dead_letters_total", "reason")
        assert dict.fromkeys(DeadLetterReason, COPIES) == dead
        assert {"": TOTAL + poisoned} == probe.metric("detector_records_consumed_total")
        letters = list(read_topic(kafka.bootstrap, topics.dead_letters))
        assert_dead_letters_are_the_records(deployment, letters)
        good = TOTAL - sent.total()
        assert good == sum(rows.total() for rows in told.requests.values())
        assert 0 == worker.terminate()
    log = (tmp_path / "worker-0.log").read_text()
    assert '"records_dead_lettered"' in log
    assert MARKER not in log
