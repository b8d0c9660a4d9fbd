"""Creates, checks and shows topics with librdkafka's admin client.

Law: existing topics are never changed or deleted. ``create`` may be repeated, and returns for each
topic whether it is new.

Known limit: the embedded broker returns only the configuration given at creation; the rest is taken
for Kafka's defaults.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from detector.core.errors import DetectorError
from detector.core.topics import TopicSpec

DEFAULT_POLICY = "delete"
_POLL_SECONDS = 0.05

Result = TypeVar("Result")


class TopicAdminError(DetectorError):
    """The broker answered and refused the request."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic at the broker; ``copies`` is the lowest replication of its partitions."""

    name: str
    partitions: int
    copies: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TopicFault:
    """A difference between a topic and its specification, and the remedy."""

    topic: str
    found: str
    expected: str
    remedy: str


class TopicAdmin:
    """One admin client; ``client`` are librdkafka's connection properties.

    Every call blocks for at most ``timeout_seconds`` and raises ``KafkaException`` when no broker
    answers in that time.
    """

    def __init__(self, client: Mapping[str, Any], *, timeout_seconds: float = 10.0) -> None:
        # The exception informs the operator; librdkafka's own lines on stderr would only repeat it.
        self._admin = AdminClient({**client, "log_level": 0})
        self._timeout_seconds = timeout_seconds
        self._waits = int(self._timeout_seconds / _POLL_SECONDS) + 1
        # A token callback runs only while polling, and must have run before the first request.
        self._admin.poll(_POLL_SECONDS if "oauth_cb" in client else 0)

    def create(
        self, specs: Sequence[TopicSpec], *, replication_factor: int = -1
    ) -> dict[str, bool]:
        """Create the missing topics and wait until they can be used; return which are new.

        ``replication_factor`` -1 is the broker's default. Raises ``TopicAdminError`` when the
        broker refuses any of them, after creating the others.
        """
        existing = self._admin.list_topics(timeout=self._timeout_seconds).topics
        missing = [spec for spec in specs if spec.name not in existing]
        created = {spec.name: False for spec in specs}
        if not missing:
            return created
        wanted = [
            NewTopic(
                spec.name,
                num_partitions=spec.partitions,
                replication_factor=replication_factor,
                config=dict(spec.config),
            )
            for spec in missing
        ]
        refusals = []
        for name, done in self._admin.create_topics(wanted).items():
            try:
                self._wait(done)
                created[name] = True
            except KafkaException as error:
                cause: KafkaError = error.args[0]
                # Another client created it first, which is just as good.
                if cause.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    refusals.append(f"topic {name!r} was not created: {cause.str()}")
        if refusals:
            raise TopicAdminError("; ".join(refusals))
        self._await_leaders({spec.name for spec in missing})
        return created

    def show(self, names: Iterable[str]) -> list[TopicState]:
        """Return those of ``names`` that exist, in the order of the names."""
        found = self._admin.list_topics(timeout=self._timeout_seconds).topics
        present = [name for name in names if name in found]
        if not present:
            return []
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in present]
        config_by_name = {
            resource.name: {name: str(entry.value) for name, entry in self._wait(done).items()}
            for resource, done in self._admin.describe_configs(resources).items()
        }
        return [
            TopicState(
                name,
                len(found[name].partitions),
                min((len(each.replicas) for each in found[name].partitions.values()), default=0),
                config_by_name[name],
            )
            for name in present
        ]

    def partitions(self, names: Iterable[str]) -> dict[str, int]:
        """Return the number of partitions of those of ``names`` that exist.

        Needs only the right to describe them, and never creates a topic.
        """
        found = self._admin.list_topics(timeout=self._timeout_seconds).topics
        return {name: len(found[name].partitions) for name in names if name in found}

    def check(
        self, specs: Sequence[TopicSpec], inputs: Sequence[str], *, replication_factor: int = -1
    ) -> list[TopicFault]:
        """Compare the topics with ``specs``; ``inputs`` need only exist."""
        states = {
            state.name: state for state in self.show([*(spec.name for spec in specs), *inputs])
        }
        create = "run `detector topics create`"
        faults = [
            TopicFault(name, "no such topic", "a topic with logs", create)
            for name in inputs
            if name not in states
        ]
        for spec in specs:
            state = states.get(spec.name)
            if state is None:
                expected = f"{spec.partitions} partitions"
                faults.append(TopicFault(spec.name, "no such topic", expected, create))
            else:
                faults += _differences(spec, state, replication_factor)
        return faults

    def _await_leaders(self, names: set[str]) -> None:
        for _ in range(self._waits):
            topics = self._admin.list_topics(timeout=self._timeout_seconds).topics
            if all(
                name in topics
                and topics[name].partitions
                and all(each.leader >= 0 for each in topics[name].partitions.values())
                for name in names
            ):
                return
            self._admin.poll(_POLL_SECONDS)
        raise TopicAdminError(
            f"topics {', '.join(sorted(names))} have no leaders after {self._timeout_seconds:g} s"
        )

    def _wait(self, done: Future[Result]) -> Result:
        # Polling runs token callbacks while the answer is pending.
        for _ in range(self._waits):
            if done.done():
                break
            self._admin.poll(_POLL_SECONDS)
        return done.result(timeout=self._timeout_seconds)


def _differences(spec: TopicSpec, state: TopicState, copies: int) -> list[TopicFault]:
    faults = []
    recreate = "stop the workers, delete the topic and create it again"
    if state.partitions != spec.partitions:
        found = f"{state.partitions} partitions"
        faults.append(TopicFault(spec.name, found, f"{spec.partitions}", recreate))
    wanted = set(spec.config.get("cleanup.policy", DEFAULT_POLICY).split(","))
    policy = state.config.get("cleanup.policy") or DEFAULT_POLICY
    if {each.strip() for each in policy.split(",")} != wanted:
        text = ",".join(sorted(wanted))
        remedy = f"set cleanup.policy={text} with kafka-configs"
        faults.append(TopicFault(spec.name, f"cleanup.policy {policy}", text, remedy))
    if copies > 0 and state.copies < copies:
        found = f"{state.copies} copies of a partition"
        remedy = "add copies with kafka-reassign-partitions"
        faults.append(TopicFault(spec.name, found, f"at least {copies}", remedy))
    return faults
