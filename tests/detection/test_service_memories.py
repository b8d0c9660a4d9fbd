"""What detectors remember fits into the record of the alarms, however much there is of it."""

import random

import msgspec
import numpy as np

from detector.detection import constants
from detector.detection import service as evaluating
from detector.detection.detectors.host_evidence import HostEvidence
from detector.detection.detectors.silent_hosts import Silent, SilentHosts
from detector.detection.detectors.usual_level import UsualLevel
from detector.detection.evaluate import EvaluateConfig, Evaluator
from tests.support.windows import Host, fleet_of, meta_of, paned, slide_of

ZONES = ("use1-az1", "use1-az2", "use1-az3")


def size_of(plain: object) -> int:
    return len(evaluating._encoded(0, {"memory": plain}, []))


def test_all_memories_at_their_limits_leave_room_for_ten_thousand_alarms(seed: int) -> None:
    """Names as clouds give them; of 900,000 bytes alarms take 150,000, latency the rest."""
    chance = random.Random(seed)

    def name() -> str:
        return f"i-{chance.getrandbits(68):017x}"

    most = constants.SEQUENTIAL_REMEMBERED_IN_ALL
    hosts = {
        (chance.choice(ZONES), name()): round(chance.uniform(0.0, 22.0), 3) for _ in range(most)
    }
    silent: dict[tuple[str, ...], Silent] = {
        (chance.choice(ZONES), name()): Silent(
            1_700_000_000_000 - chance.randrange(constants.SILENT_FORGET_MS), chance.uniform(1, 99)
        )
        for _ in range(constants.SILENT_REMEMBERED)
    }
    level = UsualLevel()
    zones = {f"use1-az{n}": chance.randrange(10_000) for n in range(constants.GUARD_ZONES)}
    levels = []
    for number in range(constants.GUARD_REMEMBERED):
        level = UsualLevel()
        level.add(1_700_000_000_000 + number, chance.uniform(0, 9e6), chance.uniform(0, 9e9), zones)
        level.add(1_700_000_010_000 + number, chance.uniform(0, 9e6), chance.uniform(0, 9e9), zones)
        levels.append([f"fleet:service-{number}", level.snapshot()])
    sizes = [
        size_of(HostEvidence(1_700_000_000_000, hosts).snapshot()),
        size_of(SilentHosts(silent).snapshot()),
        size_of(levels),
    ]
    print(sizes)
    assert sum(sizes) < 450_000


def test_twenty_thousand_hosts_with_evidence_against_many_fit_into_one_record() -> None:
    """Every host has a fault in the pane, and 25 requests that speak for it."""
    hosts = [
        Host(f"i-{n * 2654435761 % 2**68:017x}", 1.0, 25.0, ZONES[n % 3]) for n in range(20_000)
    ]
    hosts[:6] = [Host(host.name, 9.0, 25.0, host.zone) for host in hosts[:6]]
    evaluator = Evaluator(EvaluateConfig())
    for number in range(2):
        window = fleet_of(hosts, meta_of(number))
        window.last_seen_ms[:] = window.meta.window.end_ms - 500
        evaluator.evaluate(
            slide_of(fleets=[paned(window, np.minimum(window.faults, 3.0).tolist())])
        )
    snapshot = evaluator.snapshot()
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(snapshot)) == snapshot
    assert len(evaluating._encoded(0, snapshot, [])) < evaluating.MAX_STATE_BYTES
