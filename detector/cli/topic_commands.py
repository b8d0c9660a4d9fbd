"""``detector topics``: create, check and show the topics on the broker."""

import asyncio
from dataclasses import asdict, replace

from detector.bootstrap.brokers import Brokers
from detector.cli.group import ExitCode
from detector.cli.options import Output, note
from detector.cli.printing import print_json, print_table
from detector.core.topics import TopicSpec
from detector.kafka.control_log import write_kill_switch
from detector.kafka.topic_admin import TopicAdmin
from detector.settings import Settings
from detector.telemetry.clock import Clock

# A dead letter holds the whole original record, which may be too large for its own topic.
_DEAD_LETTER_BYTES = 16_777_216
_ENVELOPE_BYTES = 100_000


def wanted_topics(settings: Settings) -> list[TopicSpec]:
    """Return all topics that the settings require, input topics last."""
    names = settings.topic_names()
    max_bytes = {
        names.dead_letters: _DEAD_LETTER_BYTES,
        names.tallies: settings.tallies.max_record_bytes + _ENVELOPE_BYTES,
    }
    own = [
        replace(spec, config={**spec.config, "max.message.bytes": str(max_bytes[spec.name])})
        if spec.name in max_bytes
        else spec
        for spec in names.specs()
    ]
    inputs = [
        TopicSpec(name, settings.topics.input_partitions, {"cleanup.policy": "delete"})
        for name in settings.input_topics
    ]
    return own + inputs


def create(settings: Settings, output: Output) -> int:
    """Create missing topics; a new control topic gets a first kill switch record: off."""
    admin = _admin(settings)
    topics = settings.topic_names()
    specs = wanted_topics(settings)
    created = admin.create(specs, replication_factor=settings.topics.replication_factor)
    if created[topics.control]:
        asyncio.run(
            write_kill_switch(
                topics.control,
                client=Brokers(settings).aiokafka(),
                engaged=False,
                reason="topics created",
                by="detector topics create",
                at=Clock().now(),
            )
        )
    states = admin.show(created)
    if any(state.copies == 1 for state in states):
        note("note: topics have only one copy; if that broker is lost, so are the topics")
    rows = [
        {"topic": state.name, "created": created[state.name], "partitions": state.partitions}
        for state in states
    ]
    if output is Output.JSON:
        print_json(rows)
    else:
        print_table(
            ["topic", "", "partitions"],
            [
                (row["topic"], "created" if row["created"] else "exists", row["partitions"])
                for row in rows
            ],
        )
    return ExitCode.OK


def check(settings: Settings, output: Output) -> int:
    """Report all topics that differ from what is required."""
    faults = _admin(settings).check(
        settings.topic_names().specs(),
        settings.input_topics,
        replication_factor=settings.topics.replication_factor,
    )
    if output is Output.JSON:
        print_json([asdict(fault) for fault in faults])
    elif faults:
        print_table(
            ["topic", "found", "expected", "what to do"],
            [(fault.topic, fault.found, fault.expected, fault.remedy) for fault in faults],
        )
    else:
        print("all topics are as expected")
    return ExitCode.PROBLEMS if faults else ExitCode.OK


def show(settings: Settings, output: Output) -> int:
    """Print the topics that exist."""
    states = _admin(settings).show(spec.name for spec in wanted_topics(settings))
    if output is Output.JSON:
        print_json([asdict(state) for state in states])
    else:
        shown = ("cleanup.policy", "retention.ms", "max.message.bytes", "min.insync.replicas")
        print_table(
            ["topic", "partitions", "copies", *shown],
            [
                (state.name, state.partitions, state.copies, *map(state.config.get, shown))
                for state in states
            ],
        )
    return ExitCode.OK


def _admin(settings: Settings) -> TopicAdmin:
    timeout = settings.kafka.request_timeout_seconds
    return TopicAdmin(Brokers(settings).librdkafka(), timeout_seconds=timeout)
