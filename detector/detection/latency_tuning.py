"""The numbers of the peer-latency detector as one value, which experiments may move."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from detector.detection import constants
from detector.detection.statistics import FloatArray


@dataclass(frozen=True)
class LatencyTuning:
    """What ``detector_constants`` says of D4, with its reasons; production uses the defaults.

    ``levels`` are ratios to the peers; ``full_sigmas`` and ``most_sigmas`` count sigmas of the
    service, ``most_evidence`` and ``more_per_fold`` parts of what is needed, the others records.
    """

    levels: tuple[float, ...] = constants.LATENCY_LEVELS
    full_sigmas: float = constants.LATENCY_FULL_SIGMAS
    taken_records: float = constants.LATENCY_TAKEN_RECORDS
    least_records: float = constants.LATENCY_LEAST_RECORDS
    records_per_noise: float = constants.LATENCY_RECORDS_PER_NOISE
    most_evidence: float = constants.LATENCY_MOST_EVIDENCE
    block_records: float = constants.LATENCY_BLOCK_RECORDS
    sigma_records: float = constants.LATENCY_SIGMA_RECORDS
    inflation_records: float = constants.LATENCY_INFLATION_RECORDS
    most_sigmas: float = constants.LATENCY_MOST_SIGMAS
    least_sigma: float = constants.LATENCY_LEAST_SIGMA
    forget_records: float = constants.LATENCY_FORGET_RECORDS
    more_per_fold: float = constants.LATENCY_MORE_PER_FOLD

    @cached_property
    def log_levels(self) -> FloatArray:
        """Natural logarithms of the levels."""
        logarithms: FloatArray = np.log(np.array(self.levels))
        return logarithms

    @property
    def keep(self) -> float:
        """What an exponentially weighted mean keeps to stand for a block of records."""
        return 1.0 - 2.0 / (self.block_records + 1.0)


SHIPPED = LatencyTuning()
