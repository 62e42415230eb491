"""How fast landing is, beside a loop that throws the same records away."""
