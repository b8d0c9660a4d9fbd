"""Bulk transport: Faust keeps the group, librdkafka reads the bytes, agents get whole fetches.

Faust and aiokafka keep membership, assignment, commits, rebalance, tables and small topics. The
bytes of the bulk topics are read by librdkafka without the GIL, at the committed offsets after
each rebalance, and reach the agent as one Faust event per partition and fetch (``FetchedBatch``). A
generation number drops what was under way when a rebalance came. Way of the bytes: ``reader``
(thread) > ``hand_off`` > ``consumer`` > agent.
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
