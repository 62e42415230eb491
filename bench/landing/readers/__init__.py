"""Readers of JSON beside the one that landing uses."""
