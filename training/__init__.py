"""The training job: makes the artifacts that the service serves."""
