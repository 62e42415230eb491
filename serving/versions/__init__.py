"""Where versions come from: the registry, looked at again and again, and the local cache."""
