"""From parts in the object store to rows in Spark."""
