"""The law that everything rests on: after any crashes the first record of every pane is the same.

A life begins at the committed offset, tallies batches, publishes the records that each of them
closed, one after the other, and commits what the ack queue releases. It may end between any two
records. Losses are left out: they depend on the run that published the record.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from detector.core.ack_queue import AckQueue
from detector.tables.pane_records import PaneRecord, encode_pane_record
from tests.builders import START, drained, finished, log_event, new_tally

LOG = st.lists(
    st.tuples(st.integers(-2_000, 9_000), st.sampled_from(("h1", "h2", "h3")), st.booleans()),
    max_size=40,
)


@dataclass(slots=True)
class World:
    """What survives a crash: the log, the published records, the committed offset."""

    log: Sequence[tuple[int, str, bool]]
    begin: int = 0
    published: list[PaneRecord] = field(default_factory=list)
    committed: int | None = None

    def live(self, sizes: Sequence[int], records: int | None) -> None:
        """Run until ``records`` are published (``None``: to the end, and then into idleness)."""
        start = self.begin if self.committed is None else self.committed
        tally = new_tally(begins_inside=self.committed is None and start > 0)
        waiting: AckQueue[int] = AckQueue()
        left = len(self.log) * 5 if records is None else records
        at = step = 0
        offset = start
        while offset < len(self.log):
            size = sizes[step % len(sizes)]
            tally.touched_ms = -1
            for after, host, is_faulty in self.log[offset : offset + size]:
                event = log_event(after, host=host, faults=float(is_faulty), event_id=f"{after}")
                tally.add(event, (), record_ms=START)
            offset = min(offset + size, len(self.log))
            for record in drained(tally):
                if at == left:
                    return
                self.published.append(record)
                at += 1
            waiting.add(tally.touched_ms, offset)
            for token in waiting.release(tally.oldest_open_ms):
                self.committed = token
            step += 1
        if records is None:
            self.published += finished(tally)

    def winners(self) -> dict[int, bytes]:
        """Return the first record of each pane, without its losses.

        As for every reader: once a pane was reported as closed, with or without events, what
        comes later cannot add it.
        """
        first: dict[int, bytes] = {}
        passed = -1
        for record in self.published:
            if record.pane_ms > passed:
                plain = msgspec.structs.replace(record, late=0, future=0, duplicates=0)
                first[record.pane_ms] = encode_pane_record(plain)
            passed = max(passed, record.through_ms)
        return first


@given(
    log=LOG,
    begin=st.sampled_from((0, 0, 3)),
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    lives=st.lists(
        st.tuples(st.integers(0, 8), st.lists(st.integers(1, 7), min_size=1, max_size=3)),
        max_size=4,
    ),
)
def test_after_any_crashes_the_first_record_of_each_pane_is_that_of_a_run_without_them(
    log: list[tuple[int, str, bool]],
    begin: int,
    sizes: list[int],
    lives: list[tuple[int, list[int]]],
) -> None:
    calm = World(log, min(begin, len(log)))
    calm.live([1], None)
    rough = World(log, min(begin, len(log)))
    for records, other_sizes in lives:
        rough.live(other_sizes, records)
    rough.live(sizes, None)
    assert calm.winners() == rough.winners()


@given(LOG)
def test_at_the_end_of_a_log_that_went_idle_everything_is_committed(
    log: list[tuple[int, str, bool]],
) -> None:
    """Idleness releases what no later event would close."""
    world = World(log)
    world.live([3], None)
    tally = new_tally()
    waiting: AckQueue[int] = AckQueue()
    for offset, (after, host, _) in enumerate(log):
        tally.touched_ms = -1
        tally.add(log_event(after, host=host), (), record_ms=START)
        waiting.add(tally.touched_ms, offset + 1)
    finished(tally)
    assert list(range(1, len(log) + 1)) == list(waiting.release(tally.oldest_open_ms))
