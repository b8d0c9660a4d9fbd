"""Bulk transport: Faust owns the group, librdkafka reads the bytes, agents get whole fetches.

Faust and aiokafka own membership, assignment, commits, rebalance, tables and small topics.
librdkafka reads the bulk topics without the GIL, from the committed offsets after each rebalance,
and the agent gets one Faust event per partition and fetch (``FetchedBatch``). A generation number
drops batches in flight at a rebalance. Data flow: ``reader`` (thread) > ``hand_off`` > ``consumer``
> agent.
"""

from detector.kafka.bulk_transport.batch import FetchedBatch
from detector.kafka.bulk_transport.client import BulkReadError
from detector.kafka.bulk_transport.config import BulkConfig
from detector.kafka.bulk_transport.consumer import BulkConsumer
from detector.kafka.bulk_transport.positions import PartitionProgress
from detector.kafka.bulk_transport.transport import BulkTransport, bulk_topic, install

__all__ = [
    "BulkConfig",
    "BulkConsumer",
    "BulkReadError",
    "BulkTransport",
    "FetchedBatch",
    "PartitionProgress",
    "bulk_topic",
    "install",
]
