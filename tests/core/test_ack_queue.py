"""Nothing is acknowledged before it, and all before it, is durable."""

from hypothesis import given
from hypothesis import strategies as st

from detector.core.ack_queue import AckQueue

touches = st.lists(st.integers(-1, 6))


def filled(touched: list[int]) -> AckQueue[int]:
    queue: AckQueue[int] = AckQueue()
    for token, pane in enumerate(touched):
        queue.add(pane, token)
    return queue


def test_a_batch_waits_for_its_newest_pane_and_for_those_before_it() -> None:
    queue = filled([10, 30, 20, -1])
    assert [0] == list(queue.release(20))
    assert [] == list(queue.release(30))
    assert [1, 2, 3] == list(queue.release(40))
    assert 0 == len(queue)


def test_with_no_pane_open_everything_is_released() -> None:
    assert [0, 1] == list(filled([10, 30]).release(None))


def test_what_touched_no_pane_waits_only_for_its_elders() -> None:
    assert [0] == list(filled([-1, 5, -1]).release(0))


@given(touches, st.lists(st.integers(-2, 8) | st.none()))
def test_releases_are_in_order_and_never_early(
    touched: list[int], oldest_panes: list[int | None]
) -> None:
    queue = filled(touched)
    seen: list[int] = []
    for oldest in oldest_panes:
        for token in queue.release(oldest):
            assert oldest is None or touched[token] < oldest
            seen.append(token)
    assert list(range(len(seen))) == seen
    assert len(touched) - len(seen) == len(queue)
