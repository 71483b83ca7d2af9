"""What the service says while it runs: the form of its lines, and a writer that nobody waits for."""
