"""The kinds of model that come with the project: their sections of a stream file, a module each."""
