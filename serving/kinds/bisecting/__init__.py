"""Bisecting KMeans: its scoring file, a tree."""
