"""Tessera: a model-serving microservice."""
