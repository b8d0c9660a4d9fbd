"""Replays a seeded fleet through ``detector/pipeline.py`` and prints a digest of every output.

Usage: ``.venv/bin/python deploy/lib/replay.py [DIRECTORY]``. About 200,000 events of 120 hosts: one
host turns gray, then a zone, then a second zone; some records are wrapped, some are broken. Records
are written to DIRECTORY, if one is given, one file per topic. A change of code that should change
nothing leaves all digests as they were, on one machine: the last digits of a p-value may differ
between processors.
"""

import hashlib
import json
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from detector.core.steady_time import SteadyTime
from detector.core.topics import Topics
from detector.core.vocabulary import Mode
from detector.decisions.config import DecideConfig
from detector.decisions.kill_switch import ControlView
from detector.detection.evaluate import EvaluateConfig
from detector.gameday.fleet import Fleet
from detector.gameday.script import Script
from detector.ingest.tallying import TallySettings
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.pipeline import Detection
from detector.rules.rule_files import load_rules
from detector.tables.tally import TallyLimits
from detector.tables.windows import WindowTimes

SEED = 20261201
START_MS = 1_700_000_000_000
SECONDS = 255
EVENTS_PER_SECOND = 800
PARTITIONS = 4
WRAPPED_EVERY = 97
BROKEN_EVERY = 1013
RULES = Path(__file__).resolve().parents[1] / "rules"


@dataclass(frozen=True, slots=True)
class Message:
    """One record of the input topic."""

    raw: bytes
    record_ms: int

    def value(self) -> bytes:
        """Return the record's value."""
        return self.raw

    def timestamp(self) -> tuple[int, int]:
        """Return type and milliseconds of the record's timestamp."""
        return (1, self.record_ms)


def detection() -> Detection:
    """Return a whole detector with the shipped rules and default limits, which enforces."""
    settings = TallySettings(
        rules=load_rules(RULES),
        mapping=FieldMapping(),
        limits=DecodeLimits(),
        times=WindowTimes(),
        tally_limits=TallyLimits(),
        topics=Topics(),
    )
    decide = DecideConfig(mode=Mode.ENFORCE)
    return Detection(settings, EvaluateConfig(), decide, topic="logs", partitions=PARTITIONS)


def batches(fleet: Fleet, script: Script, second: int) -> list[list[Message]]:
    """Return the records of one second by partition."""
    begin = START_MS + second * 1000
    found: list[list[Message]] = [[] for _ in range(PARTITIONS)]
    for number, (key, line, ms) in enumerate(fleet.events(begin, begin + 1000, script.faults)):
        value = line
        if number % WRAPPED_EVERY == 0:
            value = json.dumps({"message": line.decode()}).encode()
        if number % BROKEN_EVERY == 0:
            value = b"broken" + value
        found[zlib.crc32(key) % PARTITIONS].append(Message(value, ms + 200))
    return found


def replay() -> tuple[int, dict[str, list[Any]]]:
    """Return the number of events and every record written, by topic."""
    fleet = Fleet(seed=SEED, events_per_second=EVENTS_PER_SECOND)
    script = Script.default(fleet, START_MS)
    way, events = detection(), 0
    decisions, actions = [], []
    for second in range(SECONDS):
        now = START_MS / 1000 + second + 1.2
        for partition, messages in enumerate(batches(fleet, script, second)):
            events += len(messages)
            way.feed(partition, messages, now)
        control = ControlView(known=True, engaged=False, reason="", read_at=now)
        for result in way.tick(SteadyTime(now, float(second)), control):
            decisions.append(result.decision)
            actions += [result.action] if result.action is not None else []
    return events, {
        "reports": way.reports,
        "alarms": way.changes,
        "decisions": decisions,
        "actions": actions,
    }


def main() -> None:
    """Replay and print."""
    events, written = replay()
    print(f"seed {SEED}, {events:,} events")
    for topic, records in written.items():
        lines = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
        print(f"{topic:10} {len(records):6} {hashlib.sha256(lines).hexdigest()}")
        if len(sys.argv) > 1:
            (Path(sys.argv[1]) / f"{topic}.jsonl").write_bytes(lines)


if __name__ == "__main__":
    main()
