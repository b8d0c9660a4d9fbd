"""No pane is opened while a change for it may still be written, and waiting is reported."""

import asyncio

from detector.core.notices import RuleChangeRead, RulesRead, TallyingHeld
from detector.core.vocabulary import RuleRejection
from detector.rules.admin import Author
from detector.rules.change_log import rule_key
from detector.rules.live_rules import FixedRules
from detector.rules.rules import RuleSet
from tests.builders import rule
from tests.support.rule_world import BEGUN, LEAD, PANE, RuleWorld, definition

TEST = Author("test")


async def test_fixed_rules_never_wait_and_never_change() -> None:
    rule_set = RuleSet((rule(),))
    fixed = FixedRules(rule_set)
    await fixed.settled()
    assert fixed.rule_set_at(0) is fixed.rule_set_at(2**50) is rule_set


async def test_waiting_ends_with_the_next_proof_and_is_reported_once() -> None:
    world = RuleWorld()
    rules = world.follow(max_age_seconds=1.0)
    await rules.settled()
    world.seconds = 1.5
    assert not rules.is_settled
    waiting = [asyncio.create_task(rules.settled()) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    rules.proven(world.clock())
    await asyncio.gather(*waiting)
    held = [notice for notice in world.notices if isinstance(notice, TallyingHeld)]
    assert [TallyingHeld(held=True), TallyingHeld(held=False)] == held


async def test_each_change_is_reported_with_its_pane_or_the_reason_against_it() -> None:
    world = RuleWorld(("file", definition("Host")))
    world.follow()
    assert [RulesRead(rules=1, changes=0, passed_over=0)] == world.notices
    await world.admin().put("r", definition("Zone"), TEST)
    world.append(rule_key("r", "odd"), b"?")
    reported = [notice for notice in world.notices if isinstance(notice, RuleChangeRead)][-4::2]
    pane = -(-(round(BEGUN * 1000) + LEAD) // PANE) * PANE
    assert [("r", "put", pane, None, 2), ("r", "", -(2**62), RuleRejection.UNREADABLE, 2)] == [
        (each.name, each.kind, each.from_ms, each.rejection, each.rules) for each in reported
    ]


async def test_a_new_reading_takes_the_place_of_the_old_one_when_it_is_complete() -> None:
    world = RuleWorld()
    await world.admin().put("r", definition("Zone"), TEST)
    rules = world.follow()
    far = 2**50
    assert 1 == len(rules.rule_set_at(far).rules)
    rules.began()
    assert 1 == len(rules.rule_set_at(far).rules), "the old one holds until the new one is read"
    rules.proven(world.clock())
    assert 0 == len(rules.rule_set_at(far).rules)
    assert isinstance(world.notices[-1], RulesRead)
