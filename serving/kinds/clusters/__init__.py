"""Predictions of a clustering: a body in, an answer out."""
