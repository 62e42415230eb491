"""What a fitted model of Spark answers, in numpy only. Training checks it, serving runs it."""
