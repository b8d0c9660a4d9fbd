"""The outside world: Kafka, Faust, clocks, files, metrics, and the embedded broker."""
