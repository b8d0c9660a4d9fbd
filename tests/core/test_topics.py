"""All names come from one prefix, and what must not be compacted away is not compacted."""

import pytest

from detector.core.topics import WEEK_MS, Topics


def test_names_are_those_of_the_documentation() -> None:
    topics = Topics()
    names = [spec.name for spec in topics.specs()]
    assert (
        "detector.tallies detector.reports detector.alarms detector.decisions detector.actions "
        "detector.outcomes detector.control detector.dead-letters "
        "detector.metric-alarms detector.metric-alarm-history "
        "detector-contributors-changelog detector-alarms-changelog detector-decider-changelog"
    ).split() == names
    assert "detector.logs" == topics.logs


@pytest.mark.parametrize(
    ("prefix", "app_id"), [("detector.", "detector"), ("a-b_", "a-b"), ("", "detector"), ("x", "x")]
)
def test_the_group_is_named_after_the_prefix(prefix: str, app_id: str) -> None:
    topics = Topics(prefix=prefix)
    assert app_id == topics.app_id
    assert f"{prefix}tallies" == topics.tallies
    assert f"{app_id}-decider-changelog" == topics.changelog("decider")


def test_subjects_are_spread_and_decisions_have_one_owner() -> None:
    partitions = {spec.name: spec.partitions for spec in Topics(tally_partitions=5).specs()}
    spread = {name for name, count in partitions.items() if count == 5}
    assert {
        "detector.tallies",
        "detector.reports",
        "detector-contributors-changelog",
        "detector-alarms-changelog",
    } == spread
    assert {1} == {count for name, count in partitions.items() if name not in spread}


def test_state_is_compacted_and_history_is_kept() -> None:
    config = {spec.name: spec.config for spec in Topics().specs()}
    kept = "detector.metric-alarms detector-decider-changelog detector-alarms-changelog"
    for name in kept.split():
        assert {"cleanup.policy": "compact"} == config[name]
    stamped = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"}
    assert stamped == config["detector.control"]
    for name in ("detector.decisions", "detector.outcomes", "detector.metric-alarm-history"):
        assert int(config[name]["retention.ms"]) > 4 * WEEK_MS
        assert "delete" == config[name]["cleanup.policy"]
