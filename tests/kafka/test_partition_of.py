"""The partitioner is that of the Java client, checked against the client's own test vectors."""

import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st

from detector.kafka.publisher import partition_of


@pytest.mark.parametrize(
    ("text", "signed"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_the_hash_is_that_of_the_java_client(text: str, signed: int) -> None:
    """Vectors of org.apache.kafka.common.utils.UtilsTest, as signed 32-bit numbers."""
    assert signed % 2**32 == murmur2(text.encode())


@given(st.text(), st.integers(1, 50))
def test_every_key_has_one_partition(key: str, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions
    assert partition_of(key, partitions) == partition_of(key, partitions)


def test_the_sign_bit_is_dropped_before_the_remainder() -> None:
    assert (-973932308 & 0x7FFFFFFF) % 7 == partition_of("21", 7)
