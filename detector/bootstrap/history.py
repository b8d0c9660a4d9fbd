"""Composition of the history of reports: kept by a process, or read once."""

from collections.abc import Callable
from pathlib import Path

from detector.bootstrap.brokers import Brokers
from detector.cloudwatch.history import (
    HistoryReader,
    HistorySettings,
    ReportMetrics,
    ReportReader,
    ReportStore,
    StoreConfig,
    StoreError,
    load_range,
    read_range,
)
from detector.cloudwatch.metrics.closed_windows import ClosedWindow
from detector.cloudwatch.metrics.ranges import RangeReport, RangeRequest
from detector.core.notices import HistoryTroubled, NoticeListener
from detector.core.vocabulary import HistoryTrouble
from detector.settings import Settings

_DAY_MS = 24 * 3_600_000


class History:
    """The history that one process keeps: ``start``, ``reader`` and ``metrics``, ``stop``.

    Raises ``StoreInUseError`` if another process keeps the same file. ``ReportReader`` calls
    ``on_window`` for every window that ended after ``windows_from_ms``.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        notify: NoticeListener,
        now: Callable[[], float],
        on_window: Callable[[ClosedWindow], None] = lambda _window: None,
        windows_from_ms: int = 0,
    ) -> None:
        self.store = ReportStore(
            store_config(settings, settings.history.path),
            on_set_aside=lambda why: notify(HistoryTroubled(HistoryTrouble.FILE_SET_ASIDE, why)),
        )
        self._follower = ReportReader(
            self.store,
            _follower_settings(settings, windows_from_ms),
            now=now,
            notify=notify,
            on_window=on_window,
        )
        self.reader = HistoryReader(self.store)
        self.metrics = ReportMetrics(self.store, self._follower.through_ms)

    async def start(self) -> None:
        """Start to follow the reports topic; returns at once."""
        await self._follower.start()

    async def wait_caught_up(self, timeout_seconds: float) -> bool:
        """Wait until all reports present at the start are stored; return whether they are."""
        return await self._follower.wait_caught_up(timeout_seconds)

    async def stop(self) -> None:
        """Stop following and close the file."""
        await self._follower.stop()
        self.store.close()


async def report_once(
    settings: Settings, request: RangeRequest, *, now: float, note: Callable[[str], None]
) -> RangeReport | None:
    """Return the report from the history's file, or from the topic if there is no usable file.

    ``note`` is called with the reason why the topic is read. Raises what reading the topic raises.
    """
    path = settings.history.path
    if not path.is_file():
        note(f"no history at {path}: reading the reports topic")
    else:
        try:
            store = ReportStore(store_config(settings, path), read_only=True)
        except StoreError as error:
            note(f"{error}: reading the reports topic")
        else:
            try:
                return read_range(store, request)
            finally:
                store.close()
    store = ReportStore(store_config(settings, None))
    try:
        await load_range(
            store,
            _follower_settings(settings, 0),
            key=request.subject.encode(),
            start_ms=request.start_ms,
            now=now,
        )
        return read_range(store, request)
    finally:
        store.close()


def store_config(settings: Settings, path: Path | None) -> StoreConfig:
    """Return the configuration of the history; it is in memory if ``path`` is ``None``."""
    section, times = settings.history, settings.windows.times()
    return StoreConfig(
        path=path,
        topic=settings.topic_names().reports,
        pane_ms=times.pane_ms,
        window_ms=times.window_ms,
        retention_ms=section.retention_days * _DAY_MS,
        max_reports=section.most_reports,
        max_subjects=section.most_subjects,
        contributors=section.contributors,
        memory_mebibytes=section.memory_mebibytes,
        threads=section.threads,
        read_seconds=section.read_seconds,
    )


def _follower_settings(settings: Settings, windows_from_ms: int) -> HistorySettings:
    return HistorySettings(
        topic=settings.topic_names().reports,
        client=Brokers(settings).aiokafka(),
        windows_from_ms=windows_from_ms,
    )
