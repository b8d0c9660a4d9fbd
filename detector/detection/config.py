"""Settings of evaluation: what counts as trouble, for how long, and how many alarms are kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from detector.core.vocabulary import AlarmMode, Switch
from detector.detection import constants
from detector.detection.persistence import Persistence
from detector.detection.share_test import ShareTestConfig
from detector.detection.zone_test import ZoneTestConfig

CLASSIC = Persistence(required=1, seen=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateConfig:
    """Constants of evaluation.

    ``share``: the 66 % rule fires strictly above it. ``min_total_faults`` (of the window) and
    ``min_contributor_faults`` are the floors of guarded mode, ``windows_required`` of the last
    ``windows_seen`` windows its persistence; classic mode has neither. ``modes`` names subjects
    that differ from ``default_mode``; it does not affect the zone test, which is always guarded.
    ``top_n``: contributors in a report, 1 to 500. ``max_alarms``: alarms tracked at a time.
    ``caller_out``: whether the share test leaves the worst caller of a suspect out.
    ``restate_seconds``: a confirmed alarm that asks for an action is published again this often,
    with fresh evidence; less than the decider's ``evidence_max_age_seconds``. ``switches``:
    detectors by name that are not ``on``.
    """

    default_mode: AlarmMode = AlarmMode.GUARDED
    modes: Mapping[str, AlarmMode] = field(default_factory=dict)
    share: float = constants.R66_SHARE
    min_total_faults: float = constants.R66_MIN_TOTAL_FAULTS
    min_contributor_faults: float = constants.R66_MIN_HOST_FAULTS
    windows_required: int = constants.WINDOWS_REQUIRED
    windows_seen: int = constants.WINDOWS_SEEN
    share_test: ShareTestConfig = field(default_factory=ShareTestConfig)
    zone_test: ZoneTestConfig = field(default_factory=ZoneTestConfig)
    top_n: int = 10
    max_alarms: int = 10_000
    caller_out: bool = True
    restate_seconds: float = 300.0
    switches: Mapping[str, Switch] = field(default_factory=dict)

    @property
    def guarded(self) -> Persistence:
        """Persistence of guarded mode and of the zone test."""
        return Persistence(self.windows_required, self.windows_seen)

    def switch_of(self, detector: str) -> Switch:
        """Return the switch of a detector."""
        return self.switches.get(detector, Switch.ON)

    def mode_of(self, subject: str) -> AlarmMode:
        """Return the mode of the 66 % rule on ``subject``."""
        return self.modes.get(subject, self.default_mode)

    def persistence_of(self, subject: str) -> Persistence | None:
        """Return the persistence of the 66 % rule on ``subject``; ``None`` where it is off."""
        mode = self.mode_of(subject)
        if mode is AlarmMode.OFF:
            return None
        return CLASSIC if mode is AlarmMode.CLASSIC else self.guarded

    def is_dominant(self, subject: str, value: float, total: float) -> bool:
        """Say whether ``value`` out of ``total`` makes the 66 % rule fire on ``subject``."""
        if total <= 0.0 or not value / total > self.share:
            return False
        return self.mode_of(subject) is AlarmMode.CLASSIC or (
            total >= self.min_total_faults and value >= self.min_contributor_faults
        )
