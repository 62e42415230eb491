"""A schema registry, which the tests alone start: topics of others have one of their own."""
