"""Recommenders beside the script that MLflow's documentation would have one write."""
