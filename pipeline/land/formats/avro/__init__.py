"""Avro records: their schemas, which values become which columns, and the records themselves."""
