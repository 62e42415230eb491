"""What somebody waits for who has just cloned the project."""
