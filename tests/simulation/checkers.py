"""What must hold whatever happens, checked at every step and at every durable write.

The checkers know the records as JSON and the input by its recount; of the detector they only look
at the processes that live. A broken invariant raises ``Broken`` with what was seen.
"""

import json
from collections.abc import Iterable
from itertools import combinations_with_replacement, pairwise
from typing import Any

import msgspec
import numpy as np

from detector.decisions.budgets import BucketLimits
from detector.decisions.service import STATE_KEY
from tests.simulation.nodes import DECIDE, FLEET_BUCKET, LOCAL_BUCKET, Worker
from tests.simulation.recount import Recount, window_of
from tests.simulation.world import LOGS, SOURCES, TOPICS, Place, Record, World

Seen = tuple[float, bool]
"""True second and whether the kill switch allowed action."""


class Broken(BaseException):
    """An invariant does not hold; no code under test may catch that."""


def demand(holds: object, invariant: str, seen: object) -> None:
    """Raise ``Broken`` unless ``holds``."""
    if not holds:
        raise Broken(f"{invariant}: saw {seen}")


class Checkers:
    """All invariants over one world; ``healthy`` fleets must see no action."""

    def __init__(self, world: World, *, healthy: bool) -> None:
        self._world = world
        self._healthy = healthy
        self._recounts = {
            (source, part): Recount()
            for source in range(SOURCES[LOGS])
            for part in range(TOPICS.tally_partitions)
        }
        self._seen_by_wall: dict[float, Seen] = {}
        self._granted: dict[str, dict[str, Any]] = {}
        self._actions: dict[str, dict[str, Any]] = {}
        self._accepted: set[str] = set()
        self._epoch = 0
        self._rightful: dict[str, tuple[float, dict[str, Any]]] = {}
        self._done: list[tuple[float, dict[str, Any]]] = []
        self._tallied: dict[tuple[str, Place], float] = {}
        self._dead: dict[tuple[str, Place], int] = {}
        self.whole_windows = 0
        self.newest_window_ms = 0
        world.watch = self.on_write

    def on_tick(self) -> None:
        """Remember what the clock showed and whether acting was allowed."""
        world = self._world
        self._seen_by_wall[world.wall] = (world.true, world.may_act)

    def on_write(self, place: Place, record: Record) -> None:
        """Check one durable record."""
        topic = place[0]
        if topic == TOPICS.tallies:
            self._on_tally(place[1], record)
        elif topic == TOPICS.reports:
            self._on_report(place[1], json.loads(record.value or b""))
        elif topic == TOPICS.decisions:
            self._on_decision(json.loads(record.value or b""))
        elif topic == TOPICS.actions:
            self._on_action(json.loads(record.value or b""))
        elif topic == TOPICS.outcomes:
            self._on_outcome(json.loads(record.value or b""))
        elif topic == TOPICS.dead_letters:
            self._on_dead_letter(record)

    def _on_tally(self, part: int, record: Record) -> None:
        plain = msgspec.msgpack.decode(record.value or b"")
        source, pane_ms, through_ms, closed_by, fleets = (
            plain[2], plain[4], plain[5], plain[6], plain[11],
        )  # fmt: skip
        recount = self._recounts[source, part]
        if closed_by == "idle" and record.note is not None:
            self._advance(source, part, record.note[1])
            recount.close_idle(through_ms)
        demand(pane_ms in {-1, through_ms}, "a pane is reported as the newest closed", plain)
        if record.note is not None:
            life = (record.writer, record.note[0])
            rows = sum(float(np.frombuffer(fleet[4], "<f8").sum()) for fleet in fleets)
            self._tallied[life] = self._tallied.get(life, 0.0) + rows

    def _advance(self, source: int, part: int, end: int) -> None:
        recount = self._recounts[source, part]
        for record in self._world.log((LOGS, source))[recount.next_offset : end]:
            recount.add(record.value, record.record_ms)

    def _on_report(self, part: int, report: dict[str, Any]) -> None:
        self.newest_window_ms = max(self.newest_window_ms, report["window_end"])
        demand(
            report["complete"] == (not report["missing_partitions"]),
            "an incomplete window names what is missing",
            report,
        )
        if not report["complete"] or report["partial"]:
            return
        for source in range(SOURCES[LOGS]):
            self._advance(source, part, len(self._world.log((LOGS, source))))
        rows = window_of(
            [self._recounts[source, part] for source in range(SOURCES[LOGS])],
            report["window_start"],
            report["window_end"],
        )
        is_exact = expected_of(report["subject"], rows) == seen_in(report)
        demand(is_exact, "totals are exact (G1, G2)", (report, rows))
        self.whole_windows += 1

    def _on_decision(self, decision: dict[str, Any]) -> None:
        if decision["verdict"] == "refused":
            demand(decision["refusal"], "a refusal says why", decision)
            return
        demand(all(c["passed"] for c in decision["checks"]), "a grant passed every check", decision)
        demand(not self._healthy, "a healthy fleet needs no action", decision)
        known = self._granted.setdefault(decision["action_id"], decision)
        demand(
            known == decision or known["epoch"] != decision["epoch"],
            "one owner grants an action once",
            (known, decision),
        )
        true, allowed = self._seen_by_wall[decision["decided_at"]]
        demand(allowed, "nothing is granted while the kill switch is on or unknown (G5)", decision)
        demand(
            decision["evidence"]["complete"] and not decision["evidence"]["partial"],
            "evidence is complete (G9)",
            decision,
        )
        if decision["epoch"] >= self._owner_epoch():
            # What a superseded owner still grants is for the executor to refuse, which sees both.
            self._rightful.setdefault(decision["action_id"], (true, decision))
            check_limits([*self._rightful.values()], FLEET_BUCKET)

    def _owner_epoch(self) -> int:
        """Return the epoch of the newest owner that wrote its state record."""
        records = self._world.tables[STATE_KEY, 0]
        return max(int(name.rpartition("/")[2]) for name in records)

    def _on_action(self, action: dict[str, Any]) -> None:
        decision = self._granted.get(action["id"])
        demand(decision, "a granted decision stands before every action (G4)", action)
        known = self._actions.setdefault(action["id"], action)
        demand(
            known == action or known["epoch"] != action["epoch"],
            "one identity, one action",
            (known, action),
        )

    def _on_outcome(self, outcome: dict[str, Any]) -> None:
        if outcome["state"] == "accepted":
            demand(outcome["action_id"] in self._actions, "only actions are accepted", outcome)

    def _on_dead_letter(self, record: Record) -> None:
        headers = dict(record.headers)
        source = int(headers["__streams.errors.partition"])
        offset = int(headers["__streams.errors.offset"])
        original = self._world.log((LOGS, source))[offset]
        demand(original.value == record.value, "a dead letter is the record byte for byte", record)
        if record.note is not None:
            life = (record.writer, record.note[0])
            self._dead[life] = self._dead.get(life, 0) + 1

    def on_execute(self, action_id: str) -> None:
        """Check one call of the provider, at the moment of the call."""
        world = self._world
        action = self._actions[action_id]
        outcomes = [json.loads(r.value or b"") for r in world.log((TOPICS.outcomes, 0))]
        accepted = [o for o in outcomes if o["action_id"] == action_id and o["state"] == "accepted"]
        demand(accepted, "the acceptance is durable before the call", action)
        demand(action_id not in self._accepted, "an action is carried out once", action)
        self._accepted.add(action_id)
        demand(world.may_act, "nothing is done under the kill switch (G5)", action)
        demand(world.wall < action["expires_at"], "nothing is done past its expiry (G5)", action)
        demand(action["epoch"] >= self._epoch, "an older owner is not obeyed", action)
        self._epoch = max(self._epoch, action["epoch"])
        self._done.append((world.true, action))
        check_limits(self._done, LOCAL_BUCKET)
        demand(action["target"]["zone"], "an action has one target", action)

    def on_step(self, workers: Iterable[Worker]) -> None:
        """Check the processes that live."""
        for worker in workers:
            for scope, (tokens, capacity) in worker.decider.levels().items():
                demand(0.0 <= tokens <= capacity, f"bucket {scope} holds", (tokens, capacity))
            for place, consumed in worker.consumed.items():
                if place in worker.positions:
                    self._check_accounts(worker, place, consumed)

    def _check_accounts(self, worker: Worker, place: Place, consumed: int) -> None:
        """Every event that was read is tallied, lost with a reason, dead-lettered or in flight."""
        tally = worker.tally._owned[place].tally
        in_flight = sum(
            row[0]
            for pane in tally.panes.values()
            for rows in (pane.rows, pane.other_rows)
            for row in rows.values()
        )
        life = (worker.process.name, place)
        tallied = (self._tallied.get(life, 0.0) + in_flight) / 20
        accounts = (tallied, sum(tally.losses), self._dead.get(life, 0))
        demand(sum(accounts) == consumed, "every event is accounted for (G1)", (accounts, consumed))

    def forget(self, worker: Worker, place: Place) -> None:
        """Begin the accounts of a partition anew, with a new owner."""
        self._tallied.pop((worker.process.name, place), None)
        self._dead.pop((worker.process.name, place), None)

    def on_end(self) -> None:
        """Check what must have happened by the end, once everything was healed."""
        world = self._world
        for source in range(SOURCES[LOGS]):
            for part in range(TOPICS.tally_partitions):
                recount = self._recounts[source, part]
                self._advance(source, part, len(world.log((LOGS, source))))
                newest = max(recount.panes, default=0)
                # After a jump of the clock the log may have been closed far ahead of its time.
                is_seen = world.has_jumped or not newest or self.newest_window_ms > newest
                demand(is_seen, "every pane is in a window (G8)", newest)
            letters = {
                dict(r.headers)["__streams.errors.offset"]
                for r in world.log((TOPICS.dead_letters, 0))
                if dict(r.headers)["__streams.errors.partition"] == str(source).encode()
            }
            broken = self._recounts[source, 0].broken
            is_all = len(letters) == broken or (world.is_skipped and len(letters) < broken)
            demand(is_all, "every broken record is a dead letter", (len(letters), broken))


def check_limits(acts: list[tuple[float, dict[str, Any]]], bucket: BucketLimits) -> None:
    """Check rate and zones of acts (true second, decision or action)."""
    times = sorted(true for true, _ in acts)
    for first, last in combinations_with_replacement(range(len(times)), 2):
        room = bucket.capacity + bucket.refill_per_second * (times[last] - times[first])
        demand(last - first + 1 <= room + 1e-6, "no more than the budget (G3)", acts)
    shifts = sorted((true, a["target"]["zone"]) for true, a in acts if a["kind"] == "shift_away")
    for (begin, zone), (later, other) in pairwise(shifts):
        away = zone != other and later < begin + DECIDE.shift_seconds
        demand(not away, "at most one zone is away (G6)", shifts)


def expected_of(subject: str, rows: dict[tuple[str, str], list[float]]) -> Any:
    """Return what a report should say, from the recount of its window."""
    if subject.startswith("fleet:"):
        faults = {key: row[1] for key, row in rows.items() if row[1]}
        return sum(faults.values()), sum(row[0] for row in rows.values()), faults
    place = 2 if subject == "rule:events-by-host" else 1
    counts = {(host,): row[place] for (_, host), row in rows.items() if row[place]}
    return sum(counts.values()), 0.0, counts


def seen_in(report: dict[str, Any]) -> Any:
    """Return what a report says."""
    values = {tuple(c["keys"]): c["value"] for c in report["contributors"]}
    return report["sum"], report["totals"].get("requests", 0.0), values
