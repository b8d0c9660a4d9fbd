"""A real Prometheus scrapes a real exporter and fires our rules; a real Alertmanager delivers them.

Nothing is imitated but the receiver of the webhook: the rules are the shipped ones, only faster.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from detector.core import notices
from detector.core.vocabulary import ActionKind, AlarmState, DeadLetterReason, Decision, Refusal
from detector.telemetry.metrics import Metrics
from tests.support.watchers import TOPIC, Site, site_in, until

pytestmark = [pytest.mark.neighbours, pytest.mark.slow]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """Everything started, and ready."""
    async with site_in(tmp_path) as running:
        yield running


def feed(metrics: Metrics) -> None:
    """Tell of something of everything."""
    for notice in (
        notices.RecordsConsumed(TOPIC, 1234),
        notices.RecordDeadLettered(DeadLetterReason.BAD_JSON, TOPIC, 0, 7),
        notices.WatermarkMoved(TOPIC, 1_700_000_000_000),
        notices.WindowEvaluated(3, 0.004, complete=True, delay_seconds=6.0),
        notices.AlarmMoved("zone", "a1", "fleet:checkout", AlarmState.ALARM, 6.5, "az1 is worse"),
        notices.ActionDecided(
            ActionKind.SHIFT_AWAY, Decision.REFUSED, Refusal.KILL_SWITCH, "x", "the switch is on"
        ),
        notices.BudgetLevel("fleet", 1.5, 2.0),
        notices.KillSwitchRead(engaged=True, known=True),
    ):
        metrics(notice)
    metrics.set_consumer_lag(TOPIC, [5, 17])


async def test_prometheus_reads_what_the_notices_said(site: Site) -> None:
    """The target is up, so the content type that was negotiated is one that it accepts."""
    feed(site.metrics)
    topic = (("topic", TOPIC),)
    await until(
        lambda: site.query("detector_records_consumed_total"),
        lambda found: found.get(topic) == 1234,
    )
    [target] = (await site.ask(f"{site.prometheus}/api/v1/targets"))["data"]["activeTargets"]
    assert ("up", "") == (target["health"], target["lastError"])
    expected = {
        "detector_dead_letters_total > 0": {(("reason", "bad_json"),): 1.0},
        f'detector_watermark_timestamp_seconds{{topic="{TOPIC}"}}': {topic: 1_700_000_000.0},
        f'detector_consumer_lag_records{{topic="{TOPIC}"}}': {topic: 22.0},
        f'detector_consumer_lag_max_records{{topic="{TOPIC}"}}': {topic: 17.0},
        "detector_rule_evaluations_total > 0": {(("result", "complete"),): 3.0},
        "detector_window_delay_seconds_sum": {(): 6.0},
        "detector_alarms_active > 0": {(("detector", "zone"),): 1.0},
        "sum(detector_actions_decided_total) by (decision, reason) > 0": {
            (("decision", "refused"), ("reason", "kill_switch")): 1.0
        },
        'detector_action_budget_tokens{scope="fleet"}': {(("scope", "fleet"),): 1.5},
    }
    assert expected == {expression: await site.query(expression) for expression in expected}


async def test_the_series_of_an_exporter_stay_below_the_limit_of_the_scrape(site: Site) -> None:
    feed(site.metrics)
    found = await until(lambda: site.query("scrape_samples_scraped"), bool)
    async with site.session.get(f"{site.exporter}/metrics") as answer:
        size = len(await answer.read())
    assert 100 < found[()] < 500
    assert size < 200_000


async def test_an_engaged_kill_switch_is_delivered_and_so_is_its_release(site: Site) -> None:
    """Rule, alert, notification and webhook, and the same again for what is resolved."""
    feed(site.metrics)

    def told(state: str) -> list[dict[str, Any]]:
        return [
            alert
            for body in site.delivered
            for alert in body["alerts"]
            if alert["labels"]["alertname"] == "DetectorKillSwitchEngaged"
            and alert["status"] == state
        ]

    async def firing() -> list[dict[str, Any]]:
        return told("firing")

    async def resolved() -> list[dict[str, Any]]:
        return told("resolved")

    [alert, *_] = await until(firing, bool)
    assert {
        "alertname": "DetectorKillSwitchEngaged",
        "job": "detector",
        "severity": "info",
    } == alert["labels"]
    assert "The kill switch is on, so no action is carried out." == alert["annotations"]["summary"]
    assert ("4", "nobody") == (site.delivered[0]["version"], site.delivered[0]["receiver"])
    shown = await site.ask(f"{site.alertmanager}/api/v2/alerts")
    assert "DetectorKillSwitchEngaged" in {each["labels"]["alertname"] for each in shown}
    assert [] == told("resolved")
    site.metrics(notices.KillSwitchRead(engaged=False, known=True))
    await until(resolved, bool)


async def test_the_watchdog_reaches_alertmanager_without_any_trouble(site: Site) -> None:
    shown = await until(
        lambda: site.ask(f"{site.alertmanager}/api/v2/alerts"),
        lambda alerts: any(each["labels"]["alertname"] == "DetectorWatchdog" for each in alerts),
    )
    [watchdog] = [each for each in shown if each["labels"]["alertname"] == "DetectorWatchdog"]
    assert ["dead-mans-switch"] == [receiver["name"] for receiver in watchdog["receivers"]]
