"""Starting, watching and stopping the services."""
