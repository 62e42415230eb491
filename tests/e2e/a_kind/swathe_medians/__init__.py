"""A kind of model that is no clustering: the median of each feature, which stands in for what is missing."""
