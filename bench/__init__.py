"""Measurements. Every figure is a ratio of things measured in one run: the machine is never the same twice."""
