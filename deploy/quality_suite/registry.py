"""Which parts the quality benchmark has, in the order in which they run."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from deploy.quality_suite import failslow, hosts, null, zones
from deploy.quality_suite.parts import Options, Part, Result

Simulation = Callable[..., dict[str, Any]]


def simulated(name: str, run: Simulation, seeds: int, quick_seeds: int) -> Part:
    """Make a part of a simulation that says itself what it found, and whether it ``passed``."""
    return partial(_simulate, name, run, seeds, quick_seeds)


def _simulate(name: str, run: Simulation, seeds: int, quick_seeds: int, options: Options) -> Result:
    figures = run(seeds=range(quick_seeds if options.quick else seeds), say=options.say)
    shortfalls = [] if figures["passed"] else ["see above"]
    return Result({name: figures}, shortfalls=shortfalls)


PARTS: Mapping[str, Part] = {
    "failslow": failslow.measure,
    "hosts": simulated("hosts", hosts.run, 100, 3),
    "zones": simulated("zones", zones.run, 1_000, 20),
    "null": simulated("null", null.run, 1, 1),
}
