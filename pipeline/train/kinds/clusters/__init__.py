"""What all clusterings share: assignment, labels over versions, statistics, quality, pictures."""
