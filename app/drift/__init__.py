"""Drift: the distributions of what a version is asked and says now, beside those of its training."""
