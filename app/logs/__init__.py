"""The service's log: the form of its lines, and a writer that nobody waits for."""
