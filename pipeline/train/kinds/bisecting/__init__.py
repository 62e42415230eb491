"""BisectingKMeans: clusters are the leaves of a tree."""
