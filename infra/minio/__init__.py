"""The object store: its binary, its configuration, how to ask whether it answers."""
