"""The rows of a version as they lie in the object store, read by ranges."""
