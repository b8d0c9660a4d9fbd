"""A dead letter is the record as it came, and says where and why."""

from detector.core.vocabulary import DeadLetterReason
from detector.ingest.tallying import dead_letter
from detector.logs.events import Unreadable
from tests.builders import Message

REFUSED = Unreadable(DeadLetterReason.BAD_JSON, "the text is not json: trailing comma at byte 7")


def test_key_value_and_headers_stay_byte_for_byte_in_front_of_ours() -> None:
    head = (("trace", b"\x00\xff"), ("detector.reason", b"an older one"))
    message = Message(b"\xff{", at=7, name=b"k\x00", head=head)
    letter = dead_letter(message, REFUSED, topic="logs", partition=3)
    assert (b"k\x00", b"\xff{") == (letter.key, letter.value)
    assert (
        *head,
        ("__streams.errors.topic", b"logs"),
        ("__streams.errors.partition", b"3"),
        ("__streams.errors.offset", b"7"),
        ("__streams.errors.exception", b"detector.Unreadable"),
        ("__streams.errors.message", REFUSED.message.encode()),
        ("detector.reason", b"bad_json"),
    ) == letter.headers


def test_a_record_without_key_and_headers_gets_ours_alone() -> None:
    letter = dead_letter(Message(b"x"), REFUSED, topic="t", partition=0)
    assert letter.key is None
    assert 6 == len(letter.headers)
