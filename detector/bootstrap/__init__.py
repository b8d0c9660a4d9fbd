"""Composition roots: the only package that knows every concrete class."""

from detector.settings import Settings


def run_worker(settings: Settings) -> int:
    """Run a worker until SIGTERM or SIGINT; return the exit status."""
    # The imports of one role are slow to load and not needed by the others.
    from detector.bootstrap import required_topics, worker_process  # noqa: PLC0415

    required_topics.require_for_worker(settings)
    return worker_process.run_worker(settings)


def run_actuator(settings: Settings) -> int:
    """Run the actuator until SIGTERM or SIGINT; return the exit status."""
    from detector.bootstrap import actuator, required_topics  # noqa: PLC0415

    required_topics.require_for_actuator(settings)
    return actuator.run_actuator_process(settings)


def run_api(settings: Settings) -> int:
    """Serve the API until SIGTERM or SIGINT; return the exit status."""
    from detector.bootstrap import api, required_topics  # noqa: PLC0415

    required_topics.require_for_api(settings)
    return api.run_api_process(settings)
