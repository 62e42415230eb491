"""GaussianMixture: clusters with a shape of their own, and a probability of each for every row."""
