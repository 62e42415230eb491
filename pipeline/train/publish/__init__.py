"""From numbers to a version: artifact, results, gate, registration."""
