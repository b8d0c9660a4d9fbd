"""All input and output with Kafka: Faust app, bulk transport, publishers, followed topics."""
