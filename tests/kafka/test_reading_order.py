"""Reading order: nothing is left out, whatever the consumer loses on the way."""

import random

import pytest

from detector.kafka.reading_order import ReadingOrder, ReadStep

HERE, THERE = ("tallies", 0), ("tallies", 1)
TAKE, SKIP, GO_BACK = ReadStep.TAKE, ReadStep.SKIP, ReadStep.GO_BACK


def begun(offset: int = 5) -> ReadingOrder:
    order = ReadingOrder()
    order.begin(HERE, offset)
    return order


@pytest.mark.parametrize(
    ("offsets", "steps"),
    [
        ([5, 6, 7], [TAKE, TAKE, TAKE]),
        ([4, 5, 5, 6], [SKIP, TAKE, SKIP, TAKE]),
        # Lost on the way: back to the first that is missing, and past what is still in the queue.
        ([5, 8, 9, 6, 7, 8], [TAKE, GO_BACK, SKIP, TAKE, TAKE, TAKE]),
        # Missing in the log: the same record is read again and taken.
        ([5, 8, 9, 8, 9], [TAKE, GO_BACK, SKIP, TAKE, TAKE]),
        # Both at once: 5 and 7 are lost, 6 is missing in the log.
        ([8, 9, 5, 7, 8, 9], [GO_BACK, SKIP, TAKE, TAKE, TAKE, TAKE]),
        # Each gap is read a second time.
        ([7, 7, 9, 8], [GO_BACK, TAKE, GO_BACK, TAKE]),
    ],
)
def test_records_are_taken_in_order(offsets: list[int], steps: list[ReadStep]) -> None:
    order = begun()
    assert steps == [order.step_for(HERE, offset) for offset in offsets]


def test_nothing_is_taken_of_a_partition_that_was_not_begun_or_has_ended() -> None:
    order = begun()
    assert SKIP is order.step_for(THERE, 5)
    order.end(HERE)
    order.end(THERE)
    assert SKIP is order.step_for(HERE, 5)
    with pytest.raises(KeyError):
        order.expected(HERE)


def test_a_new_beginning_forgets_the_old_one() -> None:
    order = begun()
    assert GO_BACK is order.step_for(HERE, 9)
    order.begin(HERE, 3)
    assert 3 == order.expected(HERE)
    assert SKIP is order.step_for(HERE, 2)
    assert TAKE is order.step_for(HERE, 3)


def test_a_reader_that_loses_what_it_fetched_still_takes_every_record_once(seed: int) -> None:
    """A log with holes, a queue that is emptied at random: what is taken is the log.

    What is read again is not lost again before it comes: that would take a second rebalance, which
    begins again.
    """
    chance = random.Random(seed)
    for _ in range(200):
        log = sorted(chance.sample(range(60), 40))
        order, position, taken = begun(log[0]), log[0], list[int]()
        highest = -1
        for _ in range(2_000):
            rest = [offset for offset in log if offset >= position]
            if not rest:
                break
            offset = rest[0]
            position = offset + 1
            if offset > highest and chance.random() < 0.1:
                continue
            highest = max(highest, offset)
            step = order.step_for(HERE, offset)
            if step is TAKE:
                taken.append(offset)
            elif step is GO_BACK:
                position = order.expected(HERE)
        # The last records may be lost and nothing come after them: then nothing shows it yet.
        assert log[: len(taken)] == taken
        assert len(log) - len(taken) < 10
