"""KMeans beside an earlier commit of the project itself."""
