"""Measures of how good answers are."""
