"""A small fleet that logs for real: 3 zones of 4 hosts, healthy or gray, with all that goes wrong.

Every event is a row of 20 requests of one host, as EMF. Some come late, from the future, twice, or
broken; the record's own timestamp is always the moment of logging.
"""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.simulation.world import EPOCH_SECONDS

ZONES = ("az1", "az2", "az3")
HOSTS_PER_ZONE = 4
REQUESTS = 20
HEALTHY_CHANCE = 0.005
TROUBLE_AT = 3.0
"""Seconds until whatever the story tells begins."""


@dataclass(frozen=True, slots=True)
class Story:
    """What is wrong with the fleet: nothing, a host, a zone, or one zone and then another."""

    name: str
    host: str = ""
    zone: str = ""
    second_zone: str = ""

    @property
    def is_healthy(self) -> bool:
        """Say whether nothing is wrong."""
        return not (self.host or self.zone)


STORIES = (
    Story("healthy"),
    Story("gray host", host="az2-h1"),
    Story("gray zone", zone="az1"),
    Story("two gray zones", zone="az3", second_zone="az1"),
)


@dataclass(frozen=True, slots=True)
class Dirt:
    """How often events come late, from the future, twice, or broken."""

    late: float = 0.0
    future: float = 0.0
    twice: float = 0.0
    broken: float = 0.0


class Fleet:
    """Writes the lines of one tick after the other."""

    def __init__(self, story: Story, dirt: Dirt, chance: random.Random) -> None:
        self.story = story
        self._dirt = dirt
        self._chance = chance
        self._lines = 0

    def tick(self, true: float) -> Iterator[bytes]:
        """Yield the lines that all hosts log at ``true`` seconds."""
        for zone in ZONES:
            for number in range(HOSTS_PER_ZONE):
                line = self._line(zone, f"{zone}-h{number}", true)
                yield line
                if self._chance.random() < self._dirt.twice:
                    yield line
                if self._chance.random() < self._dirt.broken:
                    yield self._broken(line)

    def _line(self, zone: str, host: str, true: float) -> bytes:
        chance = self._chance
        shift = chance.uniform(-0.45, 0.0)
        if chance.random() < self._dirt.late:
            shift = chance.uniform(-6.0, -1.0)
        elif chance.random() < self._dirt.future:
            shift = chance.choice((5.0, 3_600.0))
        self._lines += 1
        bad = self._chance_of_fault(zone, host, true)
        faults = sum(chance.random() < bad for _ in range(REQUESTS))
        document = {
            "_aws": {"Timestamp": round((EPOCH_SECONDS + true + shift) * 1000)},
            "InstanceId": host,
            "AZ-ID": zone,
            "Service": "checkout",
            "Caller": f"c{self._lines % 7}",
            "Requests": REQUESTS,
            "Faults": faults,
            "RequestId": f"r{self._lines}",
        }
        return json.dumps(document).encode()

    def _chance_of_fault(self, zone: str, host: str, true: float) -> float:
        if true < TROUBLE_AT:
            return HEALTHY_CHANCE
        if host == self.story.host:
            return 0.6
        has_moved = self.story.second_zone and true >= 2 * TROUBLE_AT
        return (
            0.5
            if zone == (self.story.second_zone if has_moved else self.story.zone)
            else (HEALTHY_CHANCE)
        )

    def _broken(self, line: bytes) -> bytes:
        return self._chance.choice(
            (
                b"no json at all",
                line[:-3],
                line.replace(b'"Faults": ', b'"Faults": -'),
                line.replace(b'"Faults": ', b'"Faults": "?", "was": '),
                line.replace(b"az", b"\xff"),
                b"[" * 40,
                b"42",
            )
        )
