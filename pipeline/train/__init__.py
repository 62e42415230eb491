"""Batch i becomes model version i: once, in order, comparable and checked."""
