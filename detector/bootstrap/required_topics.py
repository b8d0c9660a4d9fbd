"""Start-up checks of the topics: a process does not start with missing or unsuitable topics.

A broker may auto-create a requested topic with another number of partitions, which would go
unnoticed until alarms and actions are missing.

Known limit: without an answer from the broker nothing is refused, because the clients that connect
next report that better.
"""

from collections.abc import Collection

from confluent_kafka import KafkaException

from detector.bootstrap.brokers import Brokers
from detector.kafka.topic_admin import TopicAdmin, TopicAdminError
from detector.settings import Settings

_ASK_SECONDS = 5.0


def require_for_worker(settings: Settings) -> None:
    """Raise ``TopicAdminError`` with all topics that a worker cannot run with."""
    topics = settings.topic_names()
    of_others = {topics.outcomes, topics.metric_alarms, topics.metric_alarm_history}
    needed = {spec.name for spec in topics.specs()} - of_others
    _require(settings, needed, settings.input_topics)


def require_for_actuator(settings: Settings) -> None:
    """Raise ``TopicAdminError`` with all topics that an actuator cannot run with."""
    topics = settings.topic_names()
    _require(settings, {topics.actions, topics.outcomes, topics.control}, ())


def require_for_api(settings: Settings) -> None:
    """Raise ``TopicAdminError`` with all topics that the API cannot run with."""
    topics = settings.topic_names()
    own = {topics.metric_alarms, topics.metric_alarm_history}
    _require(settings, {topics.reports, topics.control, *own}, ())


def _require(settings: Settings, needed: Collection[str], inputs: Collection[str]) -> None:
    """Check the topics; ``inputs`` and topics read only by others may have any partition count."""
    topics = settings.topic_names()
    read_by_others = {topics.decisions, topics.dead_letters}
    wanted = {spec.name: spec.partitions for spec in topics.specs() if spec.name in needed}
    admin = TopicAdmin(Brokers(settings).librdkafka(), timeout_seconds=_ASK_SECONDS)
    try:
        found = admin.partitions([*wanted, *inputs])
    except KafkaException:
        return
    missing = [name for name in (*wanted, *inputs) if name not in found]
    faults = [f"topic {name!r} does not exist, or this user may not see it" for name in missing]
    faults += [
        f"topic {name!r} has {found[name]} partitions, expected {count}"
        for name, count in wanted.items()
        if name in found and name not in read_by_others and found[name] != count
    ]
    if faults:
        remedy = "create" if missing else "check"
        raise TopicAdminError(f"{'; '.join(faults)}: run `detector topics {remedy}`")
