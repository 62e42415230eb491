"""How every command speaks to the person who typed it: help, progress, errors, exit codes."""
