"""DuckDB finds the dialect and the types of a whole file, then reads every cell by them: `python duck.py FILE`."""

import sys

import duckdb  # type: ignore[import-not-found] # it is of the bench's own environment

MISSING = "nullstr = ['', 'NA']"
"""Told, as it looks for no words: otherwise half of the columns would be text to it."""


def main(path: str) -> None:
    """Print how many values each column of the file at ``path`` has."""
    base = duckdb.connect()
    base.execute("SET threads = 2")
    file = path.replace("'", "''")
    # The sniffer's own answer is a FROM clause: types are not looked for again.
    (read,) = base.execute(f"SELECT Prompt FROM sniff_csv('{file}', sample_size = -1, {MISSING})").fetchall()[0]
    print(base.execute(f"SELECT count(COLUMNS(*)) {read.rstrip(';')}").fetchall())


if __name__ == "__main__":
    main(sys.argv[1])
