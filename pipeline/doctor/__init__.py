"""What is left over by processes that were killed: found first, removed only when asked."""
