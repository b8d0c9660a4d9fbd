"""Rules change under running workers: every pane and window is what a recount of the input says."""

import asyncio
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from detector.bootstrap.rule_administration import open_rule_admin
from detector.core.vocabulary import RuleState
from detector.rules.admin import Author, RuleAdmin
from detector.rules.errors import RuleChangeError
from detector.settings import load
from tests.support.deployment import PANE_MS, PARTITIONS, WINDOW_PANES, Deployment
from tests.support.kafka import RealKafka
from tests.support.producing import PacedProducer
from tests.support.rule_recount import Phase, count_rules, in_force, tallied_rules
from tests.support.tansu import EmbeddedBroker
from tests.support.waiting import wait_for

TEST = Author("test")
LEAD = {"DETECTOR_RULES__LEAD_SECONDS": "2", "DETECTOR_WINDOWS__FUTURE_TOLERANCE_SECONDS": "1"}
"""Changes take effect three to four seconds later."""


def definition(*keys: str, faults: bool = False) -> str:
    """Write a rule that counts events by members of the benchmark's events."""
    filters = [{"Match": "$.Faults", "GreaterThan": 0}] if faults else []
    return json.dumps(
        {
            "Schema": {"Name": "CloudWatchLogRule", "Version": 1},
            "LogGroupNames": ["*"],
            "LogFormat": "JSON",
            "Contribution": {"Keys": [f"$.{key}" for key in keys], "Filters": filters},
            "AggregateOn": "Count",
        }
    )


def deploy(broker: EmbeddedBroker | RealKafka, prefix: str, directory: Path) -> Deployment:
    """Return a deployment whose one file rule counts by host."""
    rules = directory / "rules"
    rules.mkdir()
    (rules / "by-host.json").write_text(definition("InstanceId"))
    return Deployment(
        broker.bootstrap, prefix, directory, {**LEAD, "DETECTOR_RULES_DIR": str(rules)}
    )


async def change(deployment: Deployment) -> dict[str, list[Phase]]:
    """Put, update, disable and delete rules; return what that must lead to."""
    async with open_rule_admin(load(None, deployment.env)) as admin:
        put = await admin.put("by-caller", definition("Caller", faults=True), TEST)
        await admin.put("by-zone", definition("AZ-ID"), TEST)
        zones = admin.rule("by-zone").from_ms
        await reached(put.from_ms + 2_000)
        update = await admin.put("by-caller", definition("Caller", "AZ-ID"), TEST)
        disabled = await admin.switch("by-host", RuleState.DISABLED, TEST)
        await reached(update.from_ms + 2_000)
        deleted = await admin.delete("by-caller", TEST)
        enabled = await admin.switch("by-host", RuleState.ENABLED, TEST)
        assert deleted is not None
        await reached(deleted.from_ms + (WINDOW_PANES + 1) * PANE_MS)
    faulty = Phase(put.from_ms, ("Caller",), lambda each: each["Faults"] > 0)
    return {
        "by-caller": [
            faulty,
            Phase(update.from_ms, ("Caller", "AZ-ID")),
            Phase(deleted.from_ms, None),
        ],
        "by-zone": [Phase(zones, ("AZ-ID",))],
        "by-host": [
            Phase(0, ("InstanceId",)),
            Phase(disabled.from_ms, None),
            Phase(enabled.from_ms, ("InstanceId",)),
        ],
    }


async def reached(time_ms: int) -> None:
    """Wait until the clock, which the events' times follow, has passed a time."""
    passed = asyncio.get_running_loop()
    seconds = time_ms / 1000 - time.time()
    if seconds > 0:
        done = passed.create_future()
        passed.call_later(seconds, done.set_result, None)
        await done


@pytest.mark.embedded
@pytest.mark.slow
def test_running_workers_get_new_updated_disabled_and_deleted_rules_at_the_same_pane(
    broker_tansu: EmbeddedBroker, unique_prefix: str, tmp_path: Path
) -> None:
    deployment = deploy(broker_tansu, unique_prefix, tmp_path)
    bootstrap, topics = deployment.bootstrap, deployment.topics
    producer = PacedProducer(
        bootstrap, topics.logs, partitions=PARTITIONS, rate=400, fault_share=0.2
    )
    with deployment.process("run", "w-0") as first, deployment.process("run", "w-1") as second:
        first.wait_event("ready")
        second.wait_event("ready")
        producer.start()
        phases = asyncio.run(change(deployment))
        producer.stop()
        expected = count_rules(bootstrap, topics.logs, phases, pane_ms=PANE_MS)
        wait_for(
            lambda: expected.keys() <= tallied_rules(bootstrap, topics.tallies)[0].keys(),
            what="every pane",
            every=0.5,
        )
        tallied, versions = tallied_rules(bootstrap, topics.tallies)
        assert expected == tallied
        assert 2 == len(
            {version for (_, _, name), version in versions.items() if name == "by-caller"}
        )
        assert [] == wrong_reports(deployment, phases, expected)[:5]


def wrong_reports(
    deployment: Deployment, phases: dict[str, list[Phase]], expected: dict[Any, Any]
) -> list[str]:
    """Return every rule report that does not show what its newest pane's version counted."""
    by_pane: dict[tuple[int, str], Counter[tuple[str, ...]]] = {}
    for (_, pane, name), table in expected.items():
        by_pane.setdefault((pane, name), Counter()).update(table)
    wrong, seen = [], set()
    for report in deployment.json_records(deployment.topics.reports):
        name = report["subject"].removeprefix("rule:")
        identity = (name, report["window_end"])
        if name == report["subject"] or identity in seen:
            continue
        seen.add(identity)
        panes = range(report["window_start"], report["window_end"], PANE_MS)
        newest = in_force(phases[name], panes[-1])
        if newest is None:
            wrong.append(f"{identity}: shown, but not in force")
            continue
        mine = [pane for pane in panes if in_force(phases[name], pane) is newest]
        counted: Counter[tuple[str, ...]] = sum(
            (by_pane.get((pane, name), Counter()) for pane in mine), Counter()
        )
        listed = {tuple(each["keys"]): each["value"] for each in report["contributors"]}
        if report["sum"] != counted.total() or any(counted[key] != n for key, n in listed.items()):
            wrong.append(f"{identity}: {report['sum']}, counted {counted.total()}")
        if not report["partial"] and len(mine) < len(panes):
            wrong.append(f"{identity}: whole, but in force in {len(mine)} panes")
    assert seen, "no report of a rule was made"
    return wrong


@pytest.mark.parametrize(
    "broker",
    [
        pytest.param("broker_tansu", marks=pytest.mark.embedded),
        pytest.param("kafka", marks=pytest.mark.kafka),
    ],
)
async def test_two_writers_at_once_end_in_one_order_and_lose_nothing(
    request: pytest.FixtureRequest, broker: str, unique_prefix: str, tmp_path: Path
) -> None:
    settings = load(None, deploy(request.getfixturevalue(broker), unique_prefix, tmp_path).env)
    async with open_rule_admin(settings) as one, open_rule_admin(settings) as other:
        await one.put("shared", definition("Caller"), TEST, tags={"made": "first"})

        async with asyncio.timeout(10):
            # Who did not write it hears of it a moment later, and until then knows no such rule.
            while other.rules() != one.rules():  # noqa: ASYNC110
                await asyncio.sleep(0.05)

        async def work(admin: RuleAdmin, who: str) -> None:
            for number in range(4):
                await admin.tag("shared", {f"{who}-{number}": "x"}, TEST)

        await asyncio.gather(work(one, "one"), work(other, "other"))
        async with asyncio.timeout(10):
            # They read the log each at its own pace, so there is no event to wait for.
            while one.rule("shared") != other.rule("shared"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        tags = dict(one.rule("shared").tags)
        assert {"made", *(f"{who}-{n}" for who in ("one", "other") for n in range(4))} == set(tags)
        await one.delete("shared", TEST)
        with pytest.raises(RuleChangeError, match="no rule 'shared'"):
            await one.switch("shared", RuleState.DISABLED, TEST)
    async with open_rule_admin(settings) as late:
        assert ["by-host"] == [entry.name for entry in late.rules()]
