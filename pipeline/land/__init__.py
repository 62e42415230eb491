"""Records of a topic become rows of batches: each record in exactly one batch, in the rejects, or in a recorded gap."""
