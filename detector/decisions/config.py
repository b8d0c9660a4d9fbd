"""All limits of the decider, with bounds that catch a mistyped setting."""

from dataclasses import dataclass, field

from detector.core.vocabulary import Mode
from detector.decisions.budgets import BucketLimits, CapacityLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideConfig:
    """What the decider may grant. Defaults grant little; ``ValueError`` outside the bounds.

    ``fleet_bucket`` applies to each service, ``global_bucket`` to all together; an action costs one
    token of both. ``healthy_floor`` (0 to 1) is the part of a fleet that must remain, and
    ``shift_floor`` (0 to 1) the part that must serve while a zone is away: less, because a shift
    ends by itself. Above ``too_many_sick_fraction`` of the fleet (but at least
    ``too_many_sick_hosts``, so that a small fleet can act on one host) the cause is shared: no host
    is acted upon until ``cool_down_seconds`` later. ``evidence_max_age_seconds`` is the largest
    distance between the window's end and now, in either direction. ``repeat_after_seconds``: one
    target is not acted upon twice within it. ``max_rulings`` bounds the decisions of one cycle and
    ``max_standing`` the candidates kept between cycles; both keep the state record below one
    megabyte.
    """

    mode: Mode = Mode.OBSERVE
    fleet_bucket: BucketLimits = field(default_factory=lambda: BucketLimits(2.0, 1 / 600))
    global_bucket: BucketLimits = field(default_factory=lambda: BucketLimits(4.0, 1 / 300))
    capacity: CapacityLimits = field(default_factory=CapacityLimits)
    healthy_floor: float = 0.90
    shift_floor: float = 0.40
    too_many_sick_fraction: float = 0.05
    too_many_sick_hosts: int = 1
    shift_seconds: float = 3_600.0
    action_expires_seconds: float = 600.0
    cool_down_seconds: float = 600.0
    evidence_max_age_seconds: float = 600.0
    repeat_after_seconds: float = 3_600.0
    reconsider_seconds: float = 10.0
    min_zones: int = 2
    max_rulings: int = 32
    max_standing: int = 64

    def __post_init__(self) -> None:
        """Refuse values outside their bounds, and report all of them at once."""
        faults = [
            f"{name} must be {low:g} to {high:g}, found {getattr(self, name)!r}"
            for name, (low, high) in BOUNDS.items()
            if not low <= getattr(self, name) <= high
        ]
        if faults:
            raise ValueError("; ".join(faults))

    @property
    def remembered_seconds(self) -> float:
        """How long a grant is remembered: a day, or longer where a limit counts longer."""
        return max(86_400.0, self.capacity.window_seconds, self.repeat_after_seconds)


BOUNDS: dict[str, tuple[float, float]] = {
    "healthy_floor": (0, 1),
    "shift_floor": (0, 1),
    "too_many_sick_fraction": (0, 1),
    "too_many_sick_hosts": (1, 100_000),
    "shift_seconds": (60, 259_200),
    "action_expires_seconds": (1, 86_400),
    "cool_down_seconds": (0, 86_400),
    "evidence_max_age_seconds": (1, 3_600),
    "repeat_after_seconds": (0, 604_800),
    "reconsider_seconds": (0.1, 3_600),
    "min_zones": (2, 100),
    "max_rulings": (1, 64),
    "max_standing": (1, 128),
}
