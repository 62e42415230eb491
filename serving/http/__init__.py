"""Where a request goes: bounds, checks, routes, answers."""
