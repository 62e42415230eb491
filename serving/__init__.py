"""Answers over HTTP for every registered model version that is ready."""
