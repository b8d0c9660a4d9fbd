"""The topic is followed into the history exactly once, through restarts and lost files."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from detector.cloudwatch.history import (
    HistorySettings,
    ReportReader,
    ReportStore,
    StoreError,
    load_range,
    read_range,
)
from detector.cloudwatch.metrics.closed_windows import ClosedWindow
from detector.cloudwatch.metrics.ranges import RangeRequest
from detector.core.notices import HistoryTroubled, Notice, ReportsKept
from detector.core.vocabulary import HistoryTrouble
from detector.kafka.embedded_broker import EmbeddedBroker
from detector.tables.reports import Report
from tests.support.history import NOW, PANE, START, WINDOW, Pane, config_of, reports_of

pytestmark = pytest.mark.embedded
PANES = 40
WAIT = 60.0


def client_of(broker: EmbeddedBroker) -> dict[str, Any]:
    return {"bootstrap_servers": broker.bootstrap}


async def create(broker: EmbeddedBroker, topic: str) -> None:
    admin = AIOKafkaAdminClient(**client_of(broker))
    await admin.start()
    await admin.create_topics([NewTopic(topic, 2, 1)])
    await admin.close()


async def publish(
    broker: EmbeddedBroker, topic: str, reports: Sequence[tuple[int, Report]]
) -> None:
    producer = AIOKafkaProducer(**client_of(broker))
    await producer.start()
    for part, report in reports:
        await producer.send_and_wait(
            topic, msgspec.json.encode(report), report.subject.encode(), partition=part
        )
    await producer.stop()


def run_of(seed: int) -> tuple[list[Pane], list[tuple[int, Report]]]:
    """Observations, and the reports of two rules on two partitions with repetitions."""
    chance = random.Random(seed)
    panes: list[Pane] = [
        {
            (f"h{host}",): [float(chance.randint(1, 9)) for _ in range(chance.randint(1, 3))]
            for host in chance.sample(range(5), 3)
        }
        for _ in range(PANES)
    ]
    reports = []
    for part in (0, 1):
        made = reports_of(panes, rule=f"r{part}")
        again = chance.randint(5, PANES - 10)
        made[again + 5 : again + 5] = made[again : again + 5]
        reports += [(part, report) for report in made]
    return panes, reports


def total_of(panes: Sequence[Pane]) -> float:
    return sum(each for pane in panes for seen in pane.values() for each in seen)


class Life:
    """One life of the process: a store, its follower, its notices and its windows."""

    def __init__(self, broker: EmbeddedBroker, topic: str, path: Path | None, **how: Any) -> None:
        self.notices: list[Notice] = []
        self.windows: list[ClosedWindow] = []
        self.store = ReportStore(config_of(path))
        self.follower = ReportReader(
            self.store,
            HistorySettings(topic, client_of(broker), **how),
            now=lambda: NOW / 1000,
            notify=self.notices.append,
            on_window=self.windows.append,
        )

    def value(self, rule: str) -> float:
        end = START + PANES * PANE
        found = read_range(self.store, RangeRequest(f"rule:{rule}", START, end, WINDOW))
        return 0.0 if found is None else found.value

    @property
    def results(self) -> dict[str, int]:
        counted: Counter[str] = Counter()
        for notice in self.notices:
            if isinstance(notice, ReportsKept):
                counted[notice.result.value] += notice.count
        return dict(counted)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT):
            while not holds():  # noqa: ASYNC110 - nothing signals what is waited for
                await asyncio.sleep(0.01)


@asynccontextmanager
async def living(
    broker: EmbeddedBroker, topic: str, path: Path | None = None, **how: Any
) -> AsyncIterator[Life]:
    life = Life(broker, topic, path, **how)
    await life.follower.start()
    try:
        yield life
    finally:
        await life.follower.stop()
        life.store.close()


async def test_records_on_the_topic_are_stored_once_and_new_windows_are_passed_on(
    broker_tansu: EmbeddedBroker, unique_prefix: str, seed: int
) -> None:
    topic = f"{unique_prefix}reports"
    await create(broker_tansu, topic)
    panes, reports = run_of(seed)
    await publish(broker_tansu, topic, reports[:50])
    async with living(broker_tansu, topic) as life:
        assert await life.follower.wait_caught_up(WAIT)
        await publish(broker_tansu, topic, reports[50:])
        await life.until(lambda: sum(life.results.values()) == len(reports))
        assert {"stored": 2 * PANES, "duplicate": 10} == life.results
        assert [total_of(panes)] * 2 == [life.value("r0"), life.value("r1")]
        for part in (0, 1):
            mine = [window for window in life.windows if window.partition == part]
            assert [START + (n + 1) * PANE for n in range(PANES)] == [w.end_ms for w in mine]
            assert START + PANES * PANE == life.follower.through_ms(part)


async def test_a_restart_in_the_middle_reads_nothing_twice_and_leaves_nothing_out(
    broker_tansu: EmbeddedBroker, unique_prefix: str, tmp_path: Path, seed: int
) -> None:
    topic, path = f"{unique_prefix}reports", tmp_path / "history.duckdb"
    await create(broker_tansu, topic)
    panes, reports = run_of(seed)
    seen, ends = 0, []
    for start in range(0, len(reports), 30):
        await publish(broker_tansu, topic, reports[start : start + 30])
        async with living(broker_tansu, topic, path) as life:
            due = min(len(reports), start + 30)
            await life.until(lambda: seen + sum(life.results.values()) == due)  # noqa: B023
            seen += sum(life.results.values())
            ends += [(window.partition, window.end_ms) for window in life.windows]
            values = [life.value("r0"), life.value("r1")]
    assert len(reports) == seen
    assert [total_of(panes)] * 2 == values
    assert len(set(ends)) == len(ends) == 2 * PANES


async def test_a_file_that_is_lost_in_the_middle_is_filled_again_from_the_topic(
    broker_tansu: EmbeddedBroker, unique_prefix: str, tmp_path: Path, seed: int
) -> None:
    topic, path = f"{unique_prefix}reports", tmp_path / "history.duckdb"
    await create(broker_tansu, topic)
    panes, reports = run_of(seed)
    await publish(broker_tansu, topic, reports[:60])
    async with living(broker_tansu, topic, path) as life:
        await life.until(lambda: sum(life.results.values()) == 60)
    path.unlink()
    await publish(broker_tansu, topic, reports[60:])
    async with living(broker_tansu, topic, path, windows_from_ms=START + 30 * PANE) as life:
        await life.until(lambda: sum(life.results.values()) == len(reports))
        assert [total_of(panes)] * 2 == [life.value("r0"), life.value("r1")]
        assert 2 * (PANES - 30) == len(life.windows)


async def test_a_file_that_fails_is_reported_and_opened_again(
    broker_tansu: EmbeddedBroker, unique_prefix: str, tmp_path: Path, seed: int
) -> None:
    topic, path = f"{unique_prefix}reports", tmp_path / "history.duckdb"
    await create(broker_tansu, topic)
    panes, reports = run_of(seed)
    await publish(broker_tansu, topic, reports[:30])
    async with living(broker_tansu, topic, path) as life:
        await life.until(lambda: sum(life.results.values()) == 30)
        path.unlink()
        life.store._connection.execute("DROP TABLE offsets")
        await publish(broker_tansu, topic, reports[30:])
        await life.until(lambda: life.store.count == 2 * PANES)
        assert [total_of(panes)] * 2 == [life.value("r0"), life.value("r1")]
        troubles = {each.trouble for each in life.notices if isinstance(each, HistoryTroubled)}
        assert {HistoryTrouble.FILE_FAILED} == troubles


async def test_a_file_that_cannot_be_opened_again_is_tried_until_it_can(
    broker_tansu: EmbeddedBroker,
    unique_prefix: str,
    seed: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topic = f"{unique_prefix}reports"
    await create(broker_tansu, topic)
    panes, reports = run_of(seed)
    await publish(broker_tansu, topic, reports)
    tries = []
    reopen = ReportStore.reopen

    def stubborn(store: ReportStore) -> None:
        tries.append(store)
        if len(tries) == 1:
            raise StoreError("no space")
        reopen(store)

    monkeypatch.setattr(ReportStore, "reopen", stubborn)
    life = Life(broker_tansu, topic, None)
    life.store._connection.execute("DROP TABLE offsets")
    await life.follower.start()
    await life.until(lambda: life.store.count == 2 * PANES)
    await life.follower.stop()
    reasons = [each.reason for each in life.notices if isinstance(each, HistoryTroubled)]
    assert "no space" in reasons
    assert total_of(panes) == life.value("r0")
    life.store.close()


async def test_a_broker_that_does_not_answer_is_reported_and_retried() -> None:
    broker = EmbeddedBroker()
    life = Life(broker, "reports", None)
    await life.follower.start()
    await life.until(lambda: len(life.notices) >= 2)
    assert not await life.follower.wait_caught_up(0.01)
    await life.follower.stop()
    await life.follower.stop()
    assert {HistoryTrouble.TOPIC_UNREAD} == {
        each.trouble for each in life.notices if isinstance(each, HistoryTroubled)
    }
    life.store.close()


async def test_one_subject_is_read_straight_from_the_topic(
    broker_tansu: EmbeddedBroker, unique_prefix: str, seed: int
) -> None:
    topic = f"{unique_prefix}reports"
    await create(broker_tansu, topic)
    panes, reports = run_of(seed)
    await publish(broker_tansu, topic, reports)
    store = ReportStore(config_of())
    await load_range(
        store,
        HistorySettings(topic, client_of(broker_tansu)),
        key=b"rule:r1",
        start_ms=START,
        now=NOW / 1000,
    )
    end = START + PANES * PANE
    found = read_range(store, RangeRequest("rule:r1", START, end, WINDOW))
    assert found is not None
    assert (total_of(panes), ["rule:r1"]) == (found.value, list(store.subjects))
    store.close()
