"""The native dialect: typed items, and what is told of the models."""
