"""ALS, the recommender: ratings in, items out."""
