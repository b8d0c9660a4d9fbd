"""Upper bounds of contributor rules: CloudWatch's, ours, and those of the member ``Extensions``.

Source: Amazon CloudWatch User Guide, "Contributor Insights rule syntax", and the limits of the
PutInsightRule API.
"""

from dataclasses import dataclass

MAX_POSITION = 256
"""Fields of a CLF line that a rule can name."""

MAX_KEYS = 8
"""Keys of a rule, those of its contribution and its extensions together."""
MAX_FILTERS = 16
"""Filters of a rule, those of its contribution and its extensions together."""
MAX_GROUPS = 8
MAX_IN_GROUP = 8
"""Groups of ``AnyOf``, and filters of one group or of a numerator."""
MAX_PERCENTILES = 5
MAX_SKETCHED = 20_000
"""Contributors of one pane that a rule may have sketched; a sketch takes some kilobytes."""
DEFAULT_SKETCHED = 2_000
"""Contributors of one pane that a rule has sketched when it does not say."""
LARGEST_MINIMUM = 1e15
"""Largest ``MinimumDenominator`` and ``MinimumSamples``."""


@dataclass(frozen=True, slots=True)
class RuleLimits:
    """Upper bounds of a definition: keys, filters, strings in one filter, characters.

    ``lenient`` also reads commas behind the last item of a list or an object.
    """

    keys: int
    filters: int
    strings: int
    characters: int
    lenient: bool = False


STRICT = RuleLimits(keys=4, filters=4, strings=10, characters=8_192)
"""CloudWatch's limits: a rule within them can be used on both sides."""

LENIENT = RuleLimits(keys=8, filters=16, strings=100, characters=65_536, lenient=True)
"""Ours, for rules that CloudWatch would refuse."""
