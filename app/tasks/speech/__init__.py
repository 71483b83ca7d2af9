"""Recordings of speech: samples, where somebody speaks, what a model reads, and what its tokens say."""
