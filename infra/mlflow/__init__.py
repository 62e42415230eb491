"""The tracking server and model registry: its configuration, how to ask whether it answers."""
