"""From a data file to model versions: replay → topic → land → batches → train → registry."""
