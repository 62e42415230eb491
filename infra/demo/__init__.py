"""The whole line on real data, by the commands that a person would type."""
