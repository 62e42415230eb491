"""A data file becomes a stream: its rows are sent to the topic in order, one record each."""
