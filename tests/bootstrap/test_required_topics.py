"""No process starts on topics that the broker made up, and none makes them come into being."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.bootstrap.required_topics import require_for_actuator, require_for_worker
from detector.core.topics import TopicSpec
from detector.kafka.topic_admin import TopicAdmin, TopicAdminError
from detector.settings import Settings, load
from tests.support.ports import free_port
from tests.support.tansu import EmbeddedBroker
from tests.support.worker import DetectorProcess

ROLES = pytest.mark.parametrize("require", [require_for_worker, require_for_actuator])


@pytest.fixture
def settings(broker_tansu: EmbeddedBroker, unique_prefix: str) -> Settings:
    inputs = f"{unique_prefix}a,{unique_prefix}b"
    return load(
        None,
        {
            "DETECTOR_BROKER": broker_tansu.bootstrap,
            "DETECTOR_TOPIC_PREFIX": unique_prefix,
            "DETECTOR_INPUT_TOPICS": inputs,
        },
    )


def create(settings: Settings, **partitions: int) -> TopicAdmin:
    """Create every topic, those named after their last part with other partitions."""
    admin = TopicAdmin({"bootstrap.servers": settings.broker})
    inputs = [TopicSpec(name, 1 + n, {}) for n, name in enumerate(settings.input_topics)]
    specs = [*settings.topic_names().specs(), *inputs]
    short = {spec.name: spec.name.removeprefix(settings.topic_prefix) for spec in specs}
    admin.create(
        [
            TopicSpec(each.name, partitions.get(short[each.name], each.partitions), each.config)
            for each in specs
        ],
        replication_factor=1,
    )
    return admin


@pytest.mark.embedded
@ROLES
def test_topics_as_they_should_be_are_enough(
    settings: Settings, require: Callable[[Settings], None]
) -> None:
    create(settings, decisions=3)
    require(settings)


@pytest.mark.embedded
@ROLES
def test_missing_topics_are_reported_and_are_still_missing(
    settings: Settings, require: Callable[[Settings], None]
) -> None:
    names = [spec.name for spec in settings.topic_names().specs()]
    with pytest.raises(TopicAdminError, match="run `detector topics create`") as refused:
        require(settings)
    assert f"topic '{settings.topic_prefix}control' does not exist" in str(refused.value)
    admin = TopicAdmin({"bootstrap.servers": settings.broker})
    assert {} == admin.partitions([*names, *settings.input_topics])


@pytest.mark.embedded
def test_a_worker_needs_each_input_topic(settings: Settings) -> None:
    topics = [TopicSpec(spec.name, spec.partitions, {}) for spec in settings.topic_names().specs()]
    TopicAdmin({"bootstrap.servers": settings.broker}).create(topics)
    with pytest.raises(TopicAdminError) as refused:
        require_for_worker(settings)
    assert 2 == str(refused.value).count("does not exist")
    require_for_actuator(settings)


@pytest.mark.embedded
def test_another_number_of_partitions_is_refused_where_order_or_place_depends_on_it(
    settings: Settings,
) -> None:
    create(settings, tallies=4, actions=2)
    with pytest.raises(TopicAdminError, match="run `detector topics check`") as refused:
        require_for_worker(settings)
    assert "tallies' has 4 partitions, expected 2;" in str(refused.value)
    with pytest.raises(TopicAdminError, match=r"actions' has 2 partitions, expected 1: run"):
        require_for_actuator(settings)


@ROLES
def test_a_broker_that_does_not_answer_is_left_to_whoever_connects(
    require: Callable[[Settings], None],
) -> None:
    begun = time.monotonic()
    require(load(None, {"DETECTOR_BROKER": f"127.0.0.1:{free_port()}"}))
    assert time.monotonic() - begun < 10.0


@pytest.mark.embedded
@pytest.mark.parametrize("role", ["run", "actuate"])
def test_the_process_ends_with_one_line(settings: Settings, tmp_path: Path, role: str) -> None:
    env = {
        "DETECTOR_BROKER": settings.broker,
        "DETECTOR_TOPIC_PREFIX": settings.topic_prefix,
        "DETECTOR_INPUT_TOPICS": ",".join(settings.input_topics),
    }
    log = tmp_path / "log"
    with DetectorProcess(role, env, log) as process:
        assert 1 == process.wait()
    assert 1 == len(log.read_text().splitlines())
    assert log.read_text().endswith(": run `detector topics create`\n")
