"""A worker process that crashed ends, whatever Faust does about it."""

import threading
from typing import Any

import pytest

from detector.bootstrap import worker_process


class App:
    """What is asked of the app: whether it has crashed, and why."""

    def __init__(self) -> None:
        self.crash_reason: BaseException | None = None

    @property
    def crashed(self) -> bool:
        return self.crash_reason is not None


def test_a_crash_ends_the_process_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[object] = []
    ended = threading.Event()

    def fatal(_: str, error: object) -> None:
        reported.append(error)
        ended.set()

    monkeypatch.setattr(worker_process, "fatal", fatal)
    monkeypatch.setattr(worker_process, "CRASH_CHECK_SECONDS", 0.01)
    monkeypatch.setattr(worker_process, "CRASH_SECONDS", 0.01)
    app: Any = App()
    threading.Thread(target=worker_process.end_after_crash, args=(app,), daemon=True).start()

    assert not ended.wait(0.2)
    app.crash_reason = OSError("gone")
    assert ended.wait(10)
    assert [app.crash_reason] == reported
