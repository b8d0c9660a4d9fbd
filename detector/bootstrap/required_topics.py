"""Every process refuses to start on topics that are not as they must be.

A broker may make up a topic that is asked for, with another number of partitions, and nothing would
say so until alarms and actions are missing.

Known limit: no answer is no refusal, because whoever connects next tells that better.
"""

from collections.abc import Collection

from confluent_kafka import KafkaException

from detector.bootstrap.brokers import Brokers
from detector.kafka.topic_admin import TopicAdmin, TopicAdminError
from detector.settings import Settings

_ASK_SECONDS = 5.0


def require_for_worker(settings: Settings) -> None:
    """Raise ``TopicAdminError`` with every topic that keeps a worker from being exact."""
    topics = settings.topic_names()
    of_others = {topics.outcomes, topics.metric_alarms, topics.metric_alarm_history}
    needed = {spec.name for spec in topics.specs()} - of_others
    _require(settings, needed, settings.input_topics)


def require_for_actuator(settings: Settings) -> None:
    """Raise ``TopicAdminError`` with every topic that keeps an actuator from acting once."""
    topics = settings.topic_names()
    _require(settings, {topics.actions, topics.outcomes, topics.control}, ())


def require_for_api(settings: Settings) -> None:
    """Raise ``TopicAdminError`` with every topic that keeps the API from answering."""
    topics = settings.topic_names()
    own = {topics.metric_alarms, topics.metric_alarm_history}
    _require(settings, {topics.reports, topics.control, *own}, ())


def _require(settings: Settings, needed: Collection[str], inputs: Collection[str]) -> None:
    """Compare; of ``inputs``, and of what only others read, any number of partitions will do."""
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
