"""A thousand seeds of the whole detector, and proof that the checkers would notice.

``SIMULATION_SEED=n`` repeats one run, ``SIMULATION_SEEDS=n`` runs more or fewer of them.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from detector.actuation.service import ActuationService
from detector.core.ack_queue import AckQueue
from detector.decisions.kill_switch import ControlView
from detector.decisions.zones import ShiftsInForce
from detector.tables.merge import Merge
from tests.simulation.checkers import Broken
from tests.simulation.fleet import STORIES, Story
from tests.simulation.nodes import Worker
from tests.simulation.run import Faults, Journal, Run

CHUNKS = 20
SEEDS = int(os.environ.get("SIMULATION_SEEDS", "1000"))
ROUGH = Faults(crash=0.08, fuse=0.2, rebalance=0.1, takeover=0.1, pause=0.1, actuator_crash=0.2)


def run(seed: int, **options: Any) -> Journal:
    """Run one seed; a broken invariant fails the test with what repeats it."""
    try:
        return Run(seed, **options).go()
    except Broken as broken:
        raise AssertionError(f"SIMULATION_SEED={seed} repeats it: {broken}") from broken


@pytest.mark.parametrize("chunk", range(1 if "SIMULATION_SEED" in os.environ else CHUNKS))
@pytest.mark.timeout(0)
def test_the_invariants_hold_whatever_happens(chunk: int, seed: int) -> None:
    if "SIMULATION_SEED" in os.environ:
        print(run(int(os.environ["SIMULATION_SEED"])))
        return
    share = -(-SEEDS // CHUNKS)
    first = seed % 1_000_000 * 1_000 + chunk * share
    journals = [run(number) for number in range(first, first + share)]
    assert all(journal.whole_windows for journal in journals if not journal.has_jumped)


def test_enough_happens_for_the_invariants_to_mean_something() -> None:
    """Most runs crash something, and sick fleets are acted upon through all of it."""
    journals = [run(seed, faults=ROUGH) for seed in range(40)]
    acted = Counter(journal.story for journal in journals if journal.executed)
    assert {"gray host", "gray zone", "two gray zones"} == set(acted)
    assert sum(journal.crashes for journal in journals) > 60
    assert sum(journal.whole_windows for journal in journals) > 800


@pytest.mark.parametrize("each", STORIES, ids=lambda each: each.name)
def test_without_faults_the_sick_are_acted_upon_once_and_the_healthy_are_left_alone(
    each: Story,
) -> None:
    """Of two gray zones only the first is shifted away."""
    journal = run(1, story=each, faults=Faults())
    assert (0 if each.is_healthy else 1) == journal.executed == journal.actions
    assert 0 == journal.crashes


@pytest.mark.parametrize("number", [3, 18, 252, 1_000_003])
def test_the_same_seed_is_the_same_run_byte_for_byte(number: int) -> None:
    assert run(number) == run(number)
    assert run(number).digest != run(number + 1).digest


def last_too(apply: Callable[..., str]) -> Callable[..., str]:
    """Let a repeated pane count again."""

    def forgetful(merge: Any, record: Any, arrived: float) -> str:
        merge._progress._through.pop((record.topic, record.partition), None)
        return apply(merge, record, arrived)

    return forgetful


def all_at_once(queue: AckQueue[int], _oldest: int | None) -> Iterator[int]:
    """Acknowledge what is not durable yet."""
    while queue._waiting:
        yield queue._waiting.popleft()[1]


async def blindly(self: ActuationService, accepted: Any) -> Any:
    """Call the provider before the acceptance is durable."""
    return await self._execute(accepted.action)


async def half_of_it(self: Worker, place: Any, records: list[Any]) -> int | None:
    """Pass half of the records over, and say that all were read."""
    passed_over = len(records) - len(records) // 2
    self.positions[place] += passed_over
    self.consumed[place] += passed_over
    return await whole_tally(self, place, records[passed_over:])


whole_tally = Worker._tally
MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "the last copy of a pane wins": (Merge, "apply", last_too(Merge.apply)),
    "acknowledged before it is durable": (AckQueue, "release", all_at_once),
    "the kill switch is not read": (ControlView, "allows", property(lambda _view: True)),
    "another zone away does not count": (ShiftsInForce, "others", lambda _self, _zone: ()),
    "called before it is accepted": (ActuationService, "_carry_out", blindly),
    "half of what was read is not tallied": (Worker, "_tally", half_of_it),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_checkers_notice(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, broken = MUTANTS[mutant]
    monkeypatch.setattr(where, name, broken)
    faults = Faults(crash=0.08, fuse=0.2, rebalance=0.1, pause=0.1, switch=0.1, blind=0.1)
    with pytest.raises(Broken):
        run_until_broken(faults)


def run_until_broken(faults: Faults) -> None:
    """Run sixty seeds of fleets that are not well."""
    sick = [each for each in STORIES if not each.is_healthy]
    for number in range(60):
        Run(number, story=sick[number % len(sick)], faults=faults).go()
