"""Starts workers of ``bulk_worker.py``, collects what they say, and writes what they read."""

import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, Producer, TopicPartition

from tests.support.waiting import GENEROUS_SECONDS, SHOWN_LINES, STOP_SECONDS

SCRIPT = Path(__file__).with_name("bulk_worker.py")
ROOT = SCRIPT.parents[2]


Said = dict[str, Any]


class WorkerProcess:
    """One worker; ``said`` grows while it runs."""

    def __init__(self, broker: str, group: str, topics: list[str], **settings: Any) -> None:
        self.said: list[Said] = []
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        argument = json.dumps({"broker": broker, "group": group, "topics": topics, **settings})
        self.process = subprocess.Popen(
            [sys.executable, str(SCRIPT), argument],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            # Faust prints a banner around our lines, and a kill can cut the last one.
            start = line.find('{"kind"')
            if start >= 0 and line.endswith("}\n"):
                self.said.append(json.loads(line[start:]))

    def of(self, kind: str) -> list[Said]:
        """Return what was said of one kind."""
        return [said for said in tuple(self.said) if said["kind"] == kind]

    def offsets(self, topic: str) -> dict[int, list[int]]:
        """Return the offsets seen, per partition, in the order in which they came."""
        seen: dict[int, list[int]] = {}
        for batch in self.of("batch"):
            if batch["topic"] == topic:
                seen.setdefault(batch["partition"], []).extend(batch["offsets"])
        return seen

    def values(self, topic: str) -> list[str]:
        """Return the values seen."""
        batches = self.of("batch")
        return [value for batch in batches if batch["topic"] == topic for value in batch["values"]]

    def started(self) -> dict[tuple[str, int], Said]:
        """Return the newest beginning of each partition."""
        return {(said["topic"], said["partition"]): said for said in self.of("started")}

    def until(self, condition: Callable[[], object]) -> None:
        """Wait until ``condition`` holds; fail with the worker's errors when it ends before."""
        deadline = time.monotonic() + GENEROUS_SECONDS
        while not condition():
            ended = self.process.poll()
            assert ended is None, f"the worker ended with {ended}: {self.errors()}"
            assert time.monotonic() < deadline, f"not in {GENEROUS_SECONDS:g} s: {self.errors()}"
            time.sleep(0.02)

    def until_started(self, partitions: int) -> None:
        """Wait for the first assignment."""
        self.until(lambda: len(self.started()) >= partitions)

    def errors(self) -> str:
        """Return the end of what the worker logged."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-6000:]

    def kill(self) -> None:
        """End it as the kernel would."""
        self.process.kill()
        self._end(GENEROUS_SECONDS)

    def terminate(self) -> int:
        """Ask it to stop; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self._end(STOP_SECONDS)

    def _end(self, seconds: float) -> int:
        code = self.process.wait(seconds)
        self._listener.join(GENEROUS_SECONDS)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()
        if kind is not None:
            print("\n".join(self.errors().splitlines()[-SHOWN_LINES:]))
        self._errors.close()


def produce(
    broker: str, topic: str, values: Iterable[str | bytes], *, partitions: int = 1, **settings: Any
) -> None:
    """Write ``values`` in turn to the partitions, keyed by their number, and wait for the acks.

    Underscores in the names of ``settings`` stand for dots.
    """
    changes = {name.replace("_", "."): value for name, value in settings.items()}
    producer = Producer(
        {
            "bootstrap.servers": broker,
            "linger.ms": 20,
            "queue.buffering.max.messages": 2_000_000,
            "queue.buffering.max.kbytes": 2_000_000,
            **changes,
        }
    )
    for number, value in enumerate(values):
        producer.produce(
            topic,
            value=value,
            key=str(number),
            partition=number % partitions,
            headers=[("number", str(number).encode())],
        )
        producer.poll(0)
    assert 0 == producer.flush(60)


def committed(broker: str, group: str, topic: str, partitions: int) -> dict[int, int]:
    """Ask the broker for the committed offsets; -1001 stands for none."""
    client = Consumer({"bootstrap.servers": broker, "group.id": group})
    asked = [TopicPartition(topic, partition) for partition in range(partitions)]
    found = {tp.partition: tp.offset for tp in client.committed(asked, timeout=20)}
    client.close()
    return found
