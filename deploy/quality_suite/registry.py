"""Which parts the quality benchmark has, in the order in which they run."""

from collections.abc import Mapping

from deploy.quality_suite import failslow, hosts, null, zones
from deploy.quality_suite.parts import Part

PARTS: Mapping[str, Part] = {
    "failslow": failslow.measure,
    "hosts": hosts.measure,
    "zones": zones.measure,
    "null": null.measure,
}
