"""Events: what people did, kept in SQLite or PostgreSQL. Knows nothing of models or of HTTP."""
