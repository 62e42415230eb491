"""What all clusterings share in serving: predictions, statistics, stored rows, their part of the page."""
