"""Which services there are, and the environment by which clients find them."""
