"""Rows of tables: the columns of a model, what a caller may write into them, and what a graph reads of that."""
