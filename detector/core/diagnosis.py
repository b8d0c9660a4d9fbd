"""What all detectors together say of one window, or of one contributor in it: whose fault it is."""

import msgspec

from detector.core.vocabulary import Culprit

MOST_NAMED = 10


class Diagnosis(msgspec.Struct, frozen=True):
    """Whose fault it is, who exactly, which detectors say so, and why it is not somebody else's.

    ``named``: hosts as zone/host, zones, or callers, worst first, at most 10; ``count`` of them in
    all. ``detectors``: those that agree, by name. ``because`` is the middle of a sentence.
    Evidence: of the worst that is named ``p_value``, its chance in a healthy fleet, and
    ``rate_ratio``, its rate over that of its peers; ``excess_faults`` of all that are named.
    """

    kind: Culprit
    named: tuple[str, ...]
    count: int
    detectors: tuple[str, ...]
    because: str
    p_value: float = 1.0
    rate_ratio: float = 0.0
    excess_faults: float = 0.0
