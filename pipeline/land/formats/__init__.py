"""How the value of a record becomes a row, a format a module."""
