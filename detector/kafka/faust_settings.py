"""Settings of the Faust app, without the features that were measured to be wrong or slow."""

from dataclasses import dataclass
from typing import Any

import faust


@dataclass(frozen=True, slots=True)
class FaustSettings:
    """Connection and group of the worker.

    ``security`` is Faust's ``broker_credentials`` (``None`` for none).
    """

    broker: str
    app_id: str
    worker_id: str
    data_dir: str
    security: Any = None
    session_timeout_seconds: float = 10.0
    heartbeat_seconds: float = 2.0
    commit_interval_seconds: float = 0.5


def create_app(settings: FaustSettings) -> faust.App:
    """Return an app without the features of Faust that were measured to be wrong or slow."""
    addresses = ";".join(f"kafka://{address}" for address in settings.broker.split(","))
    return faust.App(
        settings.app_id,
        broker=addresses,
        broker_credentials=settings.security,
        datadir=settings.data_dir,
        store="memory://",
        value_serializer="raw",
        web_enabled=False,
        table_standby_replicas=0,
        topic_disable_leader=True,
        topic_allow_declare=False,
        topic_replication_factor=1,
        broker_session_timeout=settings.session_timeout_seconds,
        broker_heartbeat_interval=settings.heartbeat_seconds,
        broker_commit_interval=settings.commit_interval_seconds,
        consumer_group_instance_id=settings.worker_id,
        worker_redirect_stdouts=False,
        stream_buffer_maxsize=64,
        stream_wait_empty=False,
    )
