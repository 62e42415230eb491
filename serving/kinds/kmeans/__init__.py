"""KMeans: its scoring file."""
