"""Composition roots: the only place that knows every concrete class."""

from detector.settings import Settings


def run_worker(settings: Settings) -> int:
    """Run a worker until it is told to stop; return the exit status."""
    # What one role needs is slow to load for the others.
    from detector.bootstrap import required_topics, worker_process  # noqa: PLC0415

    required_topics.require_for_worker(settings)
    return worker_process.run_worker(settings)


def run_actuator(settings: Settings) -> int:
    """Run the actuator until it is told to stop; return the exit status."""
    from detector.bootstrap import actuator, required_topics  # noqa: PLC0415

    required_topics.require_for_actuator(settings)
    return actuator.run_actuator_process(settings)


def run_api(settings: Settings) -> int:
    """Serve the API until told to stop; return the exit status."""
    from detector.bootstrap import api, required_topics  # noqa: PLC0415

    required_topics.require_for_api(settings)
    return api.run_api_process(settings)
