"""What runs beside: the processes, who lives, and what a server needs alone."""
