"""The recommender's part of the page of a model."""
