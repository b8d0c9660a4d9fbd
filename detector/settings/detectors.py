"""Settings of the detectors: whether each one is on, in shadow mode or off."""

from collections.abc import Mapping

from detector.core.vocabulary import Switch
from detector.settings.base import Section


class DetectorsSection(Section):
    """Which detectors run; in `shadow` a detector runs and is published, but never acted on."""

    r66: Switch = Switch.ON
    """The 66 % rule, on hosts of fleets and on contributors of rules."""
    share: Switch = Switch.ON
    """The share test on its own: hosts with more faults than their requests explain."""
    r66k: Switch = Switch.ON
    """A few hosts that together cause 66 % of the faults above the usual level."""
    sequential: Switch = Switch.ON
    """The sequential test: adds up evidence pane by pane; the fastest to name a host."""
    latency: Switch = Switch.ON
    """Peer latency: hosts that are slower than their peers for longer than noise explains."""
    caller: Switch = Switch.ON
    """Callers whose requests fail on every host; they are reported, never acted on."""
    zone: Switch = Switch.ON
    """The zone test of faults: one zone, and only one, is worse than its requests explain."""
    zone_slow: Switch = Switch.ON
    """The zone test of slow requests."""
    zone_connections: Switch = Switch.ON
    """The zone test of connection failures."""
    silence: Switch = Switch.ON
    """Hosts and zones that no longer send logs; they are reported, never acted on."""
    guard: Switch = Switch.ON
    """The fleet guard, which withholds actions when the cause is shared; `off` disables it."""

    def switches(self) -> Mapping[str, Switch]:
        """Return the switches that are not `on`, by detector."""
        switches = {name: Switch(value) for name, value in self.model_dump().items()}
        return {name: switch for name, switch in switches.items() if switch is not Switch.ON}
