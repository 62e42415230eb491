"""ALS: ratings become factors of users and items, and lists of the best items of each user."""
