"""A decider that enforces, and its results in short."""

from typing import Any

import msgspec

from detector.core.vocabulary import Decision, Mode, Refusal
from detector.decisions.budgets import CapacityLimits
from detector.decisions.decide import DecideConfig, Decider, DecisionResult

WIDE = CapacityLimits(0.5)


def decider(**changed: Any) -> Decider:
    plain: dict[str, Any] = {"mode": Mode.ENFORCE, "capacity": WIDE}
    made = Decider(DecideConfig(**(plain | changed)))
    made.take_epoch()
    return made


def verdicts(results: list[DecisionResult]) -> list[tuple[str, Decision, Refusal | None]]:
    return [
        (r.decision.target.host or r.decision.target.zone, r.decision.verdict, r.decision.refusal)
        for r in results
        if r.decision.target is not None
    ]


def after_restart(before: Decider, **changed: Any) -> Decider:
    plain = msgspec.msgpack.decode(msgspec.msgpack.encode(before.snapshot()))
    restored = decider(**changed)
    restored.restore(plain)
    restored.take_epoch()
    return restored
