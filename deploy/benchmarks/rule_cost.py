"""What contributor rules cost per event, in one process and without a broker.

``python -m deploy.benchmarks.rule_cost [DIRECTORY]`` counts the same events under one rule, under
the hundred rules of the benchmark and, where a directory is given, under its rules; it prints
processor nanoseconds per event, the least of five rounds.
"""

import sys
import tempfile
import time
from pathlib import Path

from deploy.benchmarks.backlogs import write_rules
from detector.gameday.emf import benchmark_bodies, benchmark_events
from detector.ingest.intake import Intake
from detector.logs.fields import DecodeLimits, FieldMapping
from detector.rules.rule_files import load_rules
from detector.rules.rules import RuleSet
from detector.tables.tally import PartitionTally, TallyLimits
from detector.tables.windows import WindowTimes
from tests.builders import START, Message

EVENTS = 100_000
ROUNDS = 5
SLICE = 2_000


def events(count: int) -> list[Message]:
    """Return events of 2,000 hosts at 20,000 a second."""
    bodies = benchmark_bodies(1, 20_000, hosts=2_000, zones=3)
    values = benchmark_events(bodies, count, START, 20_000)
    return [Message(value, START) for value in values]


def cost(rules: RuleSet, messages: list[Message]) -> float:
    """Return processor nanoseconds per event under ``rules``, closing of panes included."""
    times = WindowTimes()
    best = float("inf")
    for _ in range(ROUNDS):
        intake = Intake(
            "logs",
            rules_at=lambda _: rules,
            mapping=FieldMapping(),
            limits=DecodeLimits(),
            times=times,
        )
        tally = PartitionTally(
            "logs",
            0,
            rules_at=lambda _: rules,
            times=times,
            limits=TallyLimits(),
            begins_inside=False,
        )
        intake.read(messages[:SLICE], tally)
        begin = time.process_time()
        for at in range(SLICE, len(messages), SLICE):
            intake.read(messages[at : at + SLICE], tally)
            tally.drain(sources={"logs": 1}, parts=1, part_of=lambda _: 0)
        best = min(best, time.process_time() - begin)
    return best / (len(messages) - SLICE) * 1e9


def main() -> None:
    """Print the figures."""
    messages = events(EVENTS)
    with tempfile.TemporaryDirectory() as made:
        books = {
            f"{count} rules": load_rules(write_rules(Path(made) / str(count), count))
            for count in (1, 100)
        }
    books |= {name: load_rules(Path(name)) for name in sys.argv[1:]}
    plain = 0.0
    for name, book in books.items():
        spent = cost(book, messages)
        plain = plain or spent
        print(f"{name}: {spent:.0f} ns per event, {spent / plain:.2f} times one rule")


if __name__ == "__main__":
    main()
