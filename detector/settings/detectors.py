"""Settings of the detectors: whether each takes part, is only tried out, or is not asked."""

from collections.abc import Mapping

from detector.core.vocabulary import Switch
from detector.settings.base import Section


class DetectorsSection(Section):
    """Which detectors take part; in `shadow` a detector is computed and told, never acted on."""

    r66: Switch = Switch.ON
    """The 66 % rule, on hosts of fleets and on contributors of rules."""
    share: Switch = Switch.ON
    """The share test on its own: hosts with more faults than their requests explain."""
    r66k: Switch = Switch.ON
    """A few hosts that together own 66 % of the faults beyond the usual."""
    sequential: Switch = Switch.ON
    """The sequential test: evidence adds up pane by pane, the fastest to name a host."""
    latency: Switch = Switch.ON
    """Peer latency: hosts that answer more slowly than their peers, for longer than noise does."""
    caller: Switch = Switch.ON
    """Callers whose requests fail wherever they go; they are told, nothing is done to them."""
    zone: Switch = Switch.ON
    """The zone test of faults: one zone, and only one, is worse than its requests explain."""
    zone_slow: Switch = Switch.ON
    """The zone test of slow requests."""
    zone_connections: Switch = Switch.ON
    """The zone test of connection failures."""
    silence: Switch = Switch.ON
    """Hosts and zones that are not heard any more; they are told, nothing is done to them."""
    guard: Switch = Switch.ON
    """The fleet guard, which holds actions back when the cause is shared; `off` takes it away."""

    def switches(self) -> Mapping[str, Switch]:
        """Return the detectors by name that are not on."""
        switches = {name: Switch(value) for name, value in self.model_dump().items()}
        return {name: switch for name, switch in switches.items() if switch is not Switch.ON}
