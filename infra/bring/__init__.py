"""What is brought to this machine: Java, Go, Kafka, MinIO, jars, locked packages."""
