"""What is shown: documents for people and for tools."""
