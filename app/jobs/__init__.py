"""Batch jobs: files of many questions, answered when nobody else asks. Knows no HTTP, and of models only the Engine."""
