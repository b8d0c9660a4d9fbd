"""Settings of the detectors: whether each takes part, is only tried out, or is not asked."""

from collections.abc import Mapping

from detector.domain.vocabulary import Switch
from detector.settings.base import Section


class DetectorsSection(Section):
    """Which detectors take part; in `shadow` a detector is computed and told, never acted on."""

    r66: Switch = Switch.ON
    """The 66 % rule, on hosts of fleets and on contributors of rules."""
    zone: Switch = Switch.ON
    """The zone test: one zone, and only one, is worse than its requests explain."""

    latency: Switch = Switch.ON
    """Peer latency: hosts that answer more slowly than their peers, for longer than noise does."""

    def switches(self) -> Mapping[str, Switch]:
        """Return the detectors by name that are not on."""
        switches = {name: Switch(value) for name, value in self.model_dump().items()}
        return {name: switch for name, switch in switches.items() if switch is not Switch.ON}
