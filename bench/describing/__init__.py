"""How long `describe` looks at a file of 3,000,000 rows, beside DuckDB."""
