"""The seam between the halves: types and names only, no I/O and no client library."""
