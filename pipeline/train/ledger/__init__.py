"""What is known of a series beside its registry, and how an edited registry becomes whole again."""
