"""The result of `detector demo --once`: what was not seen, and the measured seconds."""

from detector.demo.state import DemoState
from detector.gameday.script import Phase

GRAY_HOST, GRAY_ZONE, SECOND_ZONE = "gray_host", "gray_zone", "second_gray_zone"


def still_missing(state: DemoState) -> list[str]:
    """Return what `--once` waits for and has not seen, in the order of the script."""
    blamed, seen = state.script.expected(), state.seen
    wanted = (
        (seen.host_alarm, f"an alarm that names host {blamed.host}"),
        (seen.host_action, f"an accepted action on host {blamed.host}"),
        (seen.zone_alarm, f"a zone alarm that names {blamed.zone}"),
    )
    return [what for seen_at, what in wanted if seen_at is None]


def measured(state: DemoState) -> dict[str, float | int | str | None]:
    """Return the figures of the run; seconds count from the onset of the respective fault.

    Seconds are ``None`` for what was not seen. ``host`` and ``zone`` are named by the first alarm
    of each kind, empty if there was none.
    """
    return {
        "seconds_to_host_alarm": _since(state, GRAY_HOST, state.seen.host_alarm),
        "seconds_to_action": _since(state, GRAY_HOST, state.seen.host_action),
        "seconds_to_zone_alarm": _since(state, GRAY_ZONE, state.seen.zone_alarm),
        "host": state.host,
        "zone": state.zone,
        "wrong_actions": state.wrong_actions,
        "events": state.events,
        "late": state.late,
        "dead_letters": state.dead_letters,
    }


def summary(state: DemoState) -> list[str]:
    """Return lines of what was seen, and how long after the onset of its fault."""
    blamed, seen = state.script.expected(), state.seen
    steps = (
        (GRAY_HOST, seen.host_alarm, f"alarm on host {blamed.host}"),
        (GRAY_HOST, seen.host_action, f"action on host {blamed.host}"),
        (GRAY_ZONE, seen.zone_alarm, f"alarm on zone {blamed.zone}"),
        (GRAY_ZONE, seen.zone_action, f"shift away from zone {blamed.zone}"),
        (SECOND_ZONE, seen.second_zone_refused, f"refusal to shift away from {blamed.second_zone}"),
    )
    lines = [
        f"{after:5.1f} s after its onset: {what}"
        for phase, at, what in steps
        if (after := _since(state, phase, at)) is not None
    ]
    counts = f"{state.events:,} events, {state.late} late, {state.dead_letters} dead letters"
    return [*lines, f"{counts}, {state.wrong_actions} wrong actions"]


def phase_named(state: DemoState, name: str) -> Phase:
    """Return a phase of the script by name."""
    return next(phase for phase in state.script.phases if phase.name == name)


def _since(state: DemoState, phase: str, at: float | None) -> float | None:
    return None if at is None else round(at - phase_named(state, phase).from_ms / 1000, 1)
