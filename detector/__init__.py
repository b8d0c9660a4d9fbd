"""Gray-failure detector: from structured logs on Kafka to explained, rate-limited actions."""
