"""Clients of others, unmodified, against a running service."""
