"""How often a condition must hold before an alarm is raised: M of N windows, or datapoints."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Persistence:
    """The condition must hold in ``required`` (at least 1) of the last ``seen`` windows.

    ``ValueError`` for numbers that no alarm could ever reach.
    """

    required: int
    seen: int

    def __post_init__(self) -> None:
        """Refuse numbers that no alarm could reach."""
        if not 1 <= self.required <= self.seen:
            raise ValueError(
                f"{self.required} of {self.seen} windows required, expected 1 to {self.seen}"
            )
