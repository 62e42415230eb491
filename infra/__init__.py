"""Kafka, MinIO and MLflow on this machine: brought, started, watched and stopped."""
