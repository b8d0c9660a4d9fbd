"""The diagnosis of one window, or of one contributor in it: whose fault it is."""

import msgspec

from detector.core.vocabulary import Culprit

MAX_NAMED = 10


class Diagnosis(msgspec.Struct, frozen=True):
    """The combined result of all detectors: the culprit, its names, and the reason.

    ``named``: hosts as zone/host, zones, or callers, worst first, at most 10 of ``count`` in all.
    ``detectors``: names of the detectors that agree. ``because``: why the fault lies there and not
    elsewhere, as the middle part of a sentence. Of the worst one named, ``p_value`` is its
    probability in a healthy fleet and ``rate_ratio`` its rate divided by that of its peers.
    ``excess_faults`` is the sum over all that are named.
    """

    kind: Culprit
    named: tuple[str, ...]
    count: int
    detectors: tuple[str, ...]
    because: str
    p_value: float = 1.0
    rate_ratio: float = 0.0
    excess_faults: float = 0.0
