"""Scale, assign and measure distances exactly as Spark does; numpy only. Training checks it, serving runs it."""
