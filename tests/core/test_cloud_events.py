"""CloudEvents headers."""

from detector.core.cloud_events import cloud_event_headers, rfc3339


def test_time_is_rfc_3339_in_utc() -> None:
    # date --utc --date=@1800000000.25 --iso-8601=ns
    assert rfc3339(1_800_000_000.25) == "2027-01-15T08:00:00.250Z"


def test_headers_are_the_binary_mode_of_the_kafka_binding() -> None:
    headers = cloud_event_headers(
        event_id="i", event_type="detector.action.v1", source="/d", subject="s", at=0.0
    )
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"i",
        "ce_type": b"detector.action.v1",
        "ce_source": b"/d",
        "ce_subject": b"s",
        "ce_time": b"1970-01-01T00:00:00.000Z",
        "content-type": b"application/json",
    }
