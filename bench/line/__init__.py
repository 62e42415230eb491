"""The whole line, from a batch's last acknowledged record to the answer of its route."""
