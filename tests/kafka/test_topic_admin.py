"""Topics are created once, never changed, and every difference is reported, on both brokers."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from detector.core.topics import Topics, TopicSpec
from detector.kafka.topic_admin import TopicAdmin, TopicAdminError, TopicFault, TopicState
from tests.support.ports import free_port


@pytest.fixture(
    params=[
        pytest.param("broker_tansu", marks=pytest.mark.embedded),
        pytest.param("kafka", marks=pytest.mark.kafka),
    ]
)
def bootstrap(request: pytest.FixtureRequest) -> str:
    """Address of each broker in turn."""
    address: str = request.getfixturevalue(request.param).bootstrap
    return address


@pytest.fixture
def admin(bootstrap: str) -> TopicAdmin:
    return TopicAdmin({"bootstrap.servers": bootstrap})


def named(states: Sequence[TopicState]) -> dict[str, TopicState]:
    return {state.name: state for state in states}


def test_everything_that_the_product_needs_is_created(
    admin: TopicAdmin, unique_prefix: str
) -> None:
    topics = Topics(prefix=unique_prefix, tally_partitions=3)
    specs = [*topics.specs(), TopicSpec(topics.logs, 4, {"cleanup.policy": "delete"})]
    assert {spec.name: True for spec in specs} == admin.create(specs)
    states = named(admin.show(spec.name for spec in specs))
    for spec in specs:
        state = states[spec.name]
        policy = set(state.config["cleanup.policy"].split(","))
        assert (spec.partitions, 1) == (state.partitions, state.copies)
        assert set(spec.config["cleanup.policy"].split(",")) == policy
        if "retention.ms" in spec.config:
            assert spec.config["retention.ms"] == state.config["retention.ms"]
    assert [] == admin.check(topics.specs(), [topics.logs])


def test_creating_again_changes_nothing(admin: TopicAdmin, unique_prefix: str) -> None:
    spec = TopicSpec(f"{unique_prefix}x", 2, {"cleanup.policy": "compact"})
    assert {spec.name: True} == admin.create([spec], replication_factor=1)
    assert {spec.name: False} == admin.create([replace(spec, partitions=5)])
    assert 2 == admin.show([spec.name])[0].partitions


def test_differences_are_told_with_a_remedy(
    admin: TopicAdmin, bootstrap: str, unique_prefix: str
) -> None:
    other = NewTopic(f"{unique_prefix}other", 2, 1, config={"cleanup.policy": "delete"})
    maker = AdminClient({"bootstrap.servers": bootstrap})
    maker.create_topics([other])[other.topic].result(30)
    specs = [
        TopicSpec(f"{unique_prefix}other", 4, {"cleanup.policy": "compact,delete"}),
        TopicSpec(f"{unique_prefix}missing", 1, {}),
    ]
    create = "run `detector topics create`"
    recreate = "stop the workers, delete the topic and create it again"
    policy = "set cleanup.policy=compact,delete with kafka-configs"
    copies = "add copies with kafka-reassign-partitions"
    expected = [
        TopicFault(f"{unique_prefix}logs", "no such topic", "a topic with logs", create),
        TopicFault(f"{unique_prefix}other", "2 partitions", "4", recreate),
        TopicFault(f"{unique_prefix}other", "cleanup.policy delete", "compact,delete", policy),
        TopicFault(f"{unique_prefix}other", "1 copies of a partition", "at least 3", copies),
        TopicFault(f"{unique_prefix}missing", "no such topic", "1 partitions", create),
    ]
    assert expected == admin.check(specs, [f"{unique_prefix}logs"], replication_factor=3)


def test_the_order_of_cleanup_policies_does_not_matter(
    admin: TopicAdmin, unique_prefix: str
) -> None:
    spec = TopicSpec(f"{unique_prefix}both", 1, {"cleanup.policy": "delete,compact"})
    admin.create([spec])
    assert [] == admin.check([replace(spec, config={"cleanup.policy": "compact,delete"})], [])


def test_nothing_is_shown_of_what_is_not_there(admin: TopicAdmin, unique_prefix: str) -> None:
    assert [] == admin.show([f"{unique_prefix}nothing"])


@pytest.mark.kafka
def test_a_refusal_of_the_broker_is_reported(kafka: object, unique_prefix: str) -> None:
    admin = TopicAdmin({"bootstrap.servers": kafka.bootstrap})  # type: ignore[attr-defined]
    spec = TopicSpec(f"{unique_prefix}x", 1, {})
    with pytest.raises(TopicAdminError, match=r"x' was not created: .*[Rr]eplication factor"):
        admin.create([spec], replication_factor=3)


def test_a_broker_that_does_not_answer_is_an_error() -> None:
    client = {"bootstrap.servers": f"127.0.0.1:{free_port()}"}
    with pytest.raises(KafkaException, match="transport failure"):
        TopicAdmin(client, timeout_seconds=0.5).show(["x"])
