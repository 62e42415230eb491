"""The Kafka broker: its jars, its configuration, how to ask whether it answers."""
