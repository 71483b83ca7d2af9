"""Models in replicas, measured: the cost of asking another process, and bad days."""
