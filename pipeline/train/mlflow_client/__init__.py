"""All that speaks with the tracking server: runs, artifacts, the registry's versions and aliases."""
