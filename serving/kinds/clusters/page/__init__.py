"""The part of `/ui` that is about clusters."""
