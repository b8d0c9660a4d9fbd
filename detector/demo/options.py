"""What can be asked of the demo; a module of its own, so that naming it loads nothing else."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """``once`` ends by itself; ``seed`` None draws one; ``screen`` is used on a terminal only."""

    once: bool = False
    json_output: bool = False
    seed: int | None = None
    screen: bool = True
