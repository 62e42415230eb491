"""What a body holds: rows, or faults with their paths."""
