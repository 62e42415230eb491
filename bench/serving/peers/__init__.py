"""What stands beside the server in an environment of its own."""
