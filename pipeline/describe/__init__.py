"""A file or a topic that nobody has described becomes a stream file: what replay reads of it, and landing."""
