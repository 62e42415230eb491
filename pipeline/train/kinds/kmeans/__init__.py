"""KMeans: fitted, with a k that is given or chosen."""
