"""A real Apache Kafka 4.1 for tests and benchmarks, without Docker: jars by Maven, one JVM.

One node in KRaft combined mode on loopback, with its own free ports and its own temporary folder.
``kill`` ends it as a power cut would; ``start`` afterwards brings back the same data and ports.
"""

import base64
import contextlib
import fcntl
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support import neighbours
from tests.support.ports import LOOPBACK, free_ports
from tests.support.waiting import STARTED

ROOT = Path(__file__).resolve().parents[2]
DEFINITION = ROOT / "deploy" / "kafka"
CACHE = ROOT / ".cache" / "kafka"
_FETCH_SECONDS = 600.0
_FORMAT_SECONDS = 60.0
_READY_SECONDS = 60.0
_LOG_TAIL_LINES = 30


class KafkaError(RuntimeError):
    """The real Kafka cannot be fetched, does not start, or ends by itself."""


def missing_parts() -> list[str]:
    """Name the programs that a real Kafka needs and this machine lacks."""
    return neighbours.missing("java", "mvn")


@contextlib.contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def jars() -> Path:
    """Fetch Kafka's jars once (54 MB, seconds) and give their folder."""
    pom = DEFINITION / "pom.xml"
    # The folder is named after the definition, so that another version fetches its own jars.
    folder = CACHE / uuid.uuid5(uuid.NAMESPACE_OID, pom.read_text()).hex[:12]
    with _only_one(CACHE / "fetch.lock"):
        if folder.is_dir():
            return folder
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        command = [
            *("mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"),
            f"-DoutputDirectory={partial}",
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False
        )
        if done.returncode:
            raise KafkaError(f"maven could not fetch kafka, code {done.returncode}: {done.stdout}")
        partial.rename(folder)
    return folder


def require() -> None:
    """Give up on the test that asks for a real Kafka where there can be none."""
    if parts := missing_parts():
        neighbours.give_up(parts)


class RealKafka:
    """One broker; use it as a context manager, or ``start`` ... ``close``.

    ``properties`` override those of ``deploy/kafka/server.properties``; ``heap_mib`` bounds the
    heap. All methods block: from a coroutine call them by ``asyncio.to_thread``.
    """

    def __init__(
        self, properties: Mapping[str, str | int] | None = None, *, heap_mib: int = 512
    ) -> None:
        self._overrides = dict(properties or {})
        self._heap_mib = heap_mib
        self._home: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._port, self._controller_port = free_ports(2)

    @property
    def bootstrap(self) -> str:
        """Address for clients, ``127.0.0.1:PORT``; the same over restarts."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int | None:
        """Process id while the broker runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def log_file(self) -> Path:
        """What the broker printed; exists from the first start until ``close``."""
        if self._home is None:
            raise KafkaError("kafka was never started, so it has no log file")
        return self._home / "kafka.log"

    def start(self) -> Self:
        """Start, formatting the storage the first time, and wait until the broker answers."""
        if self.pid is not None:
            raise KafkaError(f"kafka is already running on {self.bootstrap}")
        if self._home is None:
            self._home = Path(tempfile.mkdtemp(prefix="grayfail-kafka-"))
            try:
                self._format(self._home)
            except BaseException:
                self.close()
                raise
        STARTED.add("kafka", self.log_file)
        with self.log_file.open("ab") as log:
            command = self._java("kafka.Kafka", str(self._home / "server.properties"))
            self._process = self._spawn(command, log)
        try:
            self._await_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self, grace_seconds: float = 30.0) -> None:
        """Shut down in order; the data stays for the next ``start``. Harmless when stopped."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End at once (SIGKILL); the data stays for the next ``start``. Harmless when stopped."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self, *, kill: bool = False) -> Self:
        """Stop (or kill) and start on the same data and ports."""
        if kill:
            self.kill()
        else:
            self.stop()
        return self.start()

    def close(self) -> None:
        """End the broker and remove its data."""
        self.kill()
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def create_topic(self, name: str, partitions: int = 1, **config: str) -> None:
        """Create a topic and wait until every partition of it has a leader.

        Underscores in the names of ``config`` stand for dots: ``retention_ms="1000"``.
        """
        admin = self._admin()
        settings = {key.replace("_", "."): value for key, value in config.items()}
        topic = NewTopic(name, num_partitions=partitions, replication_factor=1, config=settings)
        admin.create_topics([topic])[name].result(timeout=30)
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            found = admin.list_topics(name, timeout=10).topics[name].partitions
            if len(found) == partitions and all(p.leader >= 0 for p in found.values()):
                return
            time.sleep(0.02)
        raise KafkaError(f"topic {name!r} has no leaders after {_READY_SECONDS} seconds")

    def _format(self, home: Path) -> None:
        tmp = home / "tmp"
        tmp.mkdir()
        node = {
            "listeners": f"PLAINTEXT://{self.bootstrap},"
            f"CONTROLLER://{LOOPBACK}:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "controller.quorum.voters": f"1@{LOOPBACK}:{self._controller_port}",
            "log.dirs": str(home / "data"),
            **self._overrides,
        }
        shipped = (DEFINITION / "server.properties").read_text()
        lines = [f"{key}={value}" for key, value in node.items()]
        properties = home / "server.properties"
        properties.write_text("\n".join([shipped, *lines, ""]))
        cluster = base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        command = self._java(
            "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)
        )
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_FORMAT_SECONDS, check=False
        )
        if done.returncode:
            raise KafkaError(f"kafka could not format its storage: {done.stdout}{done.stderr}")

    def _java(self, main: str, *arguments: str) -> list[str]:
        tmp = self._home / "tmp" if self._home else None
        return [
            *("java", f"-Xmx{self._heap_mib}m", "-Dlog4j2.level=WARN"),
            # Codecs unpack native libraries; with the folder they go away with the data.
            f"-Djava.io.tmpdir={tmp}",
            *("-cp", f"{jars()}/*", main, *arguments),
        ]

    @staticmethod
    def _spawn(command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        # An own session keeps a Ctrl-C at the terminal for the test run, which stops in order.
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _admin(self) -> AdminClient:
        # Refused connections are expected while the broker starts: librdkafka must not print them.
        return AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        admin = self._admin()
        while time.monotonic() < deadline:
            if self.pid is None:
                raise KafkaError(f"kafka ended while starting; it said:\n{self._log_tail()}")
            with contextlib.suppress(KafkaException):
                if admin.list_topics(timeout=1).brokers:
                    return
            time.sleep(0.05)
        raise KafkaError(
            f"kafka on {self.bootstrap} did not answer within {_READY_SECONDS} seconds; "
            f"it said:\n{self._log_tail()}"
        )

    def _log_tail(self) -> str:
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])
