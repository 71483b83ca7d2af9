"""Do the rows of a batch answer as each would alone? Whoever shares a batch with a stranger relies on it."""
