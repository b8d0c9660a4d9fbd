"""CloudEvents 1.0 attributes as headers of a Kafka record (binary mode of the Kafka binding)."""

from datetime import UTC, datetime


def rfc3339(seconds: float) -> str:
    """Return epoch ``seconds`` as RFC 3339 in UTC, to the millisecond."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cloud_event_headers(
    *, event_id: str, event_type: str, source: str, subject: str, at: float
) -> list[tuple[str, bytes]]:
    """Return the headers of a public record with a JSON value; ``at`` is in epoch seconds."""
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_type": event_type,
        "ce_source": source,
        "ce_subject": subject,
        "ce_time": rfc3339(at),
        "content-type": "application/json",
    }
    return [(name, value.encode()) for name, value in attributes.items()]
