"""Batch jobs over HTTP: in the form of OpenAI's Batch and Files API, and in a short one of our own."""
