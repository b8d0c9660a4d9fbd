"""Changes are checked before they are written, read back after it, and never lost to another."""

import asyncio
import itertools

import pytest

from detector.core.errors import RuleError
from detector.core.vocabulary import RuleChangeKind, RuleState
from detector.rules import admin as rule_admin
from detector.rules.admin import TIDY_SECONDS, Author, RuleAdmin
from detector.rules.change_log import RULE_SCHEMA, RuleChange, encode_rule_change, rule_key
from detector.rules.errors import RuleBounds, RuleChangeError, RuleTrouble
from detector.rules.managed import TEMPLATES
from tests.support.publishing import MemoryPublisher, PublishedRecord
from tests.support.rule_world import BEGUN, LEAD, PANE, RuleWorld, definition

TEST = Author("ada", "because")


async def test_a_change_returns_with_the_pane_from_which_it_is_in_force() -> None:
    world = RuleWorld()
    world.seconds = 0.4
    entry = await world.admin().put("r", definition("Host"), TEST, tags={"team": "one"})
    assert round(BEGUN * 1000) + LEAD + PANE == entry.from_ms
    assert (RuleState.ENABLED, (("team", "one"),)) == (entry.state, entry.tags)
    [(key, value, _)] = world.log
    assert key is not None
    assert key.startswith(b"rule/r/")
    assert b'"by":"ada"' in (value or b"")
    assert b'"reason":"because"' in (value or b"")


async def test_what_changes_nothing_is_not_written() -> None:
    world = RuleWorld()
    admin = world.admin()
    await admin.put("r", definition("Host"), TEST)
    await admin.put("r", definition("Host"), TEST)
    await admin.switch("r", RuleState.ENABLED, TEST)
    await admin.tag("r", {}, TEST, without=("x",))
    assert 1 == len(world.log)


async def test_a_rule_of_a_file_can_be_changed_deleted_and_put_again() -> None:
    world = RuleWorld(("file", definition("Host")))
    admin = world.admin()
    await admin.switch("file", RuleState.DISABLED, TEST)
    assert definition("Host") == admin.rule("file").definition
    await admin.delete("file", TEST)
    with pytest.raises(RuleChangeError, match="no rule 'file'"):
        admin.rule("file")
    await admin.put("file", definition("Zone"), TEST, state=RuleState.DISABLED)
    assert RuleState.DISABLED is admin.rule("file").state


async def test_invalid_rules_are_refused_with_every_fault_and_never_written() -> None:
    world = RuleWorld()
    strict, lenient = world.admin(), world.admin(lenient=True)
    five = [{"Match": f"$.a{number}", "IsPresent": True} for number in range(5)]
    text = definition("Host", Contribution={"Keys": ["$.Host"], "Filters": five})
    with pytest.raises(RuleError, match="found 5 filters"):
        await strict.put("r", text, TEST)
    assert [] == world.log
    assert 5 == len((await lenient.put("r", text, TEST)).rule.filters)


async def test_writers_that_meet_try_again_and_no_change_is_lost() -> None:
    world = RuleWorld()
    await world.admin().put("r", definition("Host"), TEST)
    world.delay = 3
    admins = [world.admin() for _ in range(4)]

    async def work(admin: RuleAdmin, number: int) -> None:
        for turn in range(3):
            await admin.tag("r", {f"{number}-{turn}": "x"}, TEST)

    await asyncio.gather(*(work(admin, number) for number, admin in enumerate(admins)))
    assert len(world.log) > 13, "some had to try again"
    for admin in (*admins, world.admin()):
        assert 12 == len(admin.rule("r").tags)


async def test_a_writer_who_always_comes_second_gives_up_and_says_so() -> None:
    world = RuleWorld()
    admin = world.admin()
    await admin.put("r", definition("Host"), TEST)

    turns = itertools.count(1)

    async def rival_first(record: PublishedRecord) -> None:
        turn = next(turns)
        change = RuleChange(
            schema=RULE_SCHEMA, name="r", change=RuleChangeKind.PUT, by="rival", at=BEGUN,
            definition=definition("Host"), tags={"turn": str(turn)},
        )  # fmt: skip
        world.append(rule_key("r", f"rival{turn}"), encode_rule_change(change))
        world.append(record.key, record.value)

    admin._publisher = MemoryPublisher(rival_first)
    with pytest.raises(RuleChangeError, match="changed by others again and again") as caught:
        await admin.tag("r", {"mine": "x"}, TEST)
    assert RuleTrouble.CONFLICT is caught.value.trouble


async def test_more_than_a_hundred_rules_work_and_the_bound_says_what_to_do() -> None:
    admin = RuleWorld().admin(bounds=RuleBounds(max_rules=150))
    for number in range(150):
        await admin.put(f"r{number}", definition("Host"), TEST)
    assert 150 == len(admin._rules.rule_set_at(2**60).rules)
    with pytest.raises(RuleChangeError, match="there are 150 rules already"):
        await admin.put("x", definition("Host"), TEST)
    await admin.put("r7", definition("Zone"), TEST)
    await admin.delete("r0", TEST)
    await admin.put("x", definition("Host"), TEST)


async def test_a_full_log_frees_space_or_refuses() -> None:
    world = RuleWorld()
    admin = world.admin(bounds=RuleBounds(max_records=3, history_ms=60_000))
    for key in ("Host", "Zone", "Caller"):
        await admin.put("r", definition(key), TEST)
    with pytest.raises(RuleChangeError, match="hold 3 changes of rules") as caught:
        await admin.put("r", definition("Other"), TEST)
    assert RuleTrouble.TOO_MANY_CHANGES is caught.value.trouble
    world.seconds = 120.0
    await admin.put("r", definition("Other"), TEST)
    removed = [key for key, value, _ in world.log if value is None]
    assert [key for key, _, _ in world.log[:2]] == removed, "all but the newest"


async def test_history_is_tidied_by_the_hour() -> None:
    world = RuleWorld()
    admin = world.admin(bounds=RuleBounds(history_ms=60_000))
    await admin.put("r", definition("Host"), TEST)
    await admin.delete("r", TEST)
    world.seconds = TIDY_SECONDS - 1
    await admin.put("q", definition("Host"), TEST)
    assert all(value is not None for _, value, _ in world.log)
    world.seconds = TIDY_SECONDS
    await admin.put("q", definition("Zone"), TEST)
    removed = [key for key, value, _ in world.log if value is None]
    assert [key for key, _, _ in world.log[:2]] == removed


async def test_what_is_not_read_back_is_not_reported_as_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rule_admin, "READ_BACK_SECONDS", 0.01)
    world = RuleWorld()
    admin = world.admin()
    world.is_silent = True
    with pytest.raises(RuleChangeError, match="written but not read back") as caught:
        await admin.put("r", definition("Host"), TEST)
    assert RuleTrouble.NOT_READ_BACK is caught.value.trouble


async def test_managed_rules_keep_their_definition_and_their_tags() -> None:
    admin = RuleWorld().admin()
    template = TEMPLATES["Service-RequestsByCaller-v1"]
    resource = "arn:detector:fleet:::service/web"
    entry = await admin.put_managed(template, resource, TEST, {"team": "one"})
    await admin.switch(entry.name, RuleState.DISABLED, TEST)
    again = await admin.put_managed(template, resource, TEST, {"team": "ignored"})
    assert (RuleState.ENABLED, (("team", "one"),)) == (again.state, again.tags)
    with pytest.raises(RuleChangeError, match="is managed by template"):
        await admin.put(entry.name, definition("Host"), TEST)
    with pytest.raises(RuleChangeError, match=r"expected arn:detector:fleet:::service/<name>"):
        await admin.put_managed(template, "web", TEST, {})
