"""The lines of the runbook that use kcat do what they say, on a real Kafka."""

import re
import subprocess
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer

from detector.core.topics import Topics
from detector.decisions.kill_switch import decode_kill_switch
from tests.support import neighbours
from tests.support.kafka import RealKafka

RUNBOOK = Path(__file__).resolve().parents[2] / "deploy" / "docs" / "operate.md"

pytestmark = [pytest.mark.kafka, pytest.mark.neighbours]


def line_after(comment: str, kafka: RealKafka, topics: Topics) -> str:
    """Return the line below a comment, for this broker and these topics; it reads to the end."""
    found: list[str] = re.findall(rf"^# {comment}.*\n(.+)$", RUNBOOK.read_text(), re.MULTILINE)
    [line] = found
    line = line.replace("localhost:9092", kafka.bootstrap)
    line = line.replace("-t detector.", f"-t {topics.prefix}").replace("-o end", "-o beginning -e")
    return line.replace("kcat ", f"{neighbours.require('kcat')} -q ")


def shell(line: str) -> str:
    """Run a line as an operator would."""
    command = ["bash", "-o", "pipefail", "-c", line]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_the_kill_switch_can_be_thrown_without_our_command_line(
    kafka: RealKafka, unique_prefix: str
) -> None:
    topics = Topics(prefix=unique_prefix)
    kafka.create_topic(topics.control)
    shell(line_after("The kill switch without", kafka, topics))
    kcat = neighbours.require("kcat")
    read = shell(f"{kcat} -q -b {kafka.bootstrap} -C -t {topics.control} -e -f '%k %s'")
    key, _, value = read.partition(" ")
    record = decode_kill_switch(value.encode())
    assert "kill_switch" == key
    assert record is not None
    assert (True, "by hand") == (record.engaged, record.reason)
    assert abs(time.time() - record.at) < 60


def test_actions_are_shown_with_key_headers_and_value(kafka: RealKafka, unique_prefix: str) -> None:
    topics = Topics(prefix=unique_prefix)
    kafka.create_topic(topics.actions)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(topics.actions, key="host:a", value="{}", headers=[("ce_id", b"1")])
    assert 0 == producer.flush(30)
    shown = shell(line_after("Actions as they come", kafka, topics))
    assert ["host:a", "ce_id=1", "{}"] == shown.split()[1:]


def test_dead_letters_are_counted_by_reason(kafka: RealKafka, unique_prefix: str) -> None:
    topics = Topics(prefix=unique_prefix)
    kafka.create_topic(topics.dead_letters)
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for reason in ("bad_json", "bad_json", "too_deep"):
        headers: dict[str, str | bytes | None] = {"a": b"b", "detector.reason": reason}
        producer.produce(topics.dead_letters, value="x", headers=headers)
    assert 0 == producer.flush(30)
    shown = shell(line_after("Reasons of the last", kafka, topics))
    assert ["2 detector.reason=bad_json", "1 detector.reason=too_deep"] == [
        line.strip() for line in shown.splitlines()
    ]
