"""The prediction server beside plain FastAPI."""
