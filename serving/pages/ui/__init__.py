"""`/ui`: the versions of a model for people, side by side. Needs no internet and no build step."""
