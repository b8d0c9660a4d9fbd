"""``detector rules``: put, list, switch, tag and delete on the embedded broker."""

import json
from pathlib import Path

import pytest

from detector.core.topics import Topics
from detector.kafka.topic_admin import TopicAdmin
from tests.cli.conftest import Invoke
from tests.support.rule_world import definition
from tests.support.tansu import EmbeddedBroker

pytestmark = pytest.mark.embedded


@pytest.fixture
def env(broker_tansu: EmbeddedBroker, unique_prefix: str, tmp_path: Path) -> dict[str, str]:
    """Settings with a control topic that holds nothing yet, and one rule file."""
    specs = [each for each in Topics(unique_prefix).specs() if each.name.endswith("control")]
    TopicAdmin({"bootstrap.servers": broker_tansu.bootstrap}).create(specs)
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "file.json").write_text(definition("Host"))
    return {
        "DETECTOR_BROKER": broker_tansu.bootstrap,
        "DETECTOR_TOPIC_PREFIX": unique_prefix,
        "DETECTOR_RULES_DIR": str(rules),
    }


def test_rules_are_put_listed_switched_tagged_and_deleted(
    invoke: Invoke, env: dict[str, str], tmp_path: Path
) -> None:
    rule = tmp_path / "by-zone.json"
    rule.write_text(definition("Zone"))
    put = invoke("rules", "put", str(rule), "--tag", "team=one", "--by", "ada", **env)
    assert 0 == put.exit_code, put.stderr
    assert put.stdout.startswith("rule 'by-zone', version ")
    assert " is ENABLED, from 2" in put.stdout
    assert " (in " in put.stdout
    assert 0 == invoke("rules", "disable", "by-zone", "file", "--reason", "noise", **env).exit_code
    tagged = invoke("rules", "tag", "by-zone", "cost=2", "--remove", "team", **env)
    assert "tags of rule 'by-zone': cost=2\n" == tagged.stdout
    listed = invoke("rules", "list", "-o", "json", **env).stdout.splitlines()
    entries = [json.loads(line) for line in listed]
    assert [("by-zone", "DISABLED", {"cost": "2"}), ("file", "DISABLED", {})] == [
        (each["name"], each["state"], each["tags"]) for each in entries
    ]
    assert definition("Zone") == entries[0]["definition"]
    assert entries[0]["in_force_from_ms"] % 10_000 == 0
    assert 0 == invoke("rules", "enable", "file", **env).exit_code
    assert 0 == invoke("rules", "delete", "by-zone", **env).exit_code
    table = invoke("rules", "list", **env).stdout
    assert "file" in table
    assert "by-zone" not in table


def test_what_is_wrong_is_said_and_nothing_is_written(
    invoke: Invoke, env: dict[str, str], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    refused = invoke("rules", "put", str(bad), **env)
    assert 3 == refused.exit_code
    assert refused.stderr.startswith(f"{bad}:1: Schema: found nothing, expected this member")
    missing = invoke("rules", "delete", "nothing", "file", **env)
    assert 1 == missing.exit_code
    assert "no rule 'nothing': see `detector rules list`\n" == missing.stderr
    assert "rule 'file' is deleted" in missing.stdout
    for arguments, message in (
        (("put", "-"), "found no name, expected --name with standard input\n"),
        (("put", str(tmp_path / "no.json")), "no such file or directory\n"),
        (("tag", "file", "x"), "found tag 'x', expected KEY=VALUE\n"),
    ):
        result = invoke("rules", *arguments, stdin=definition("Host"), **env)
        assert 1 == result.exit_code
        assert result.stderr.endswith(message)
    table = invoke("rules", "list", "-o", "json", **env)
    assert (0, "") == (table.exit_code, table.stdout)


def test_without_a_control_topic_it_says_how_to_make_one(
    invoke: Invoke, env: dict[str, str]
) -> None:
    result = invoke("rules", "list", **{**env, "DETECTOR_TOPIC_PREFIX": "other."})
    assert 1 == result.exit_code
    assert "no such topic 'other.control': run `detector topics create`\n" == result.stderr
