"""Turn a file into a model: find out how its graph wants to be run, and publish it."""
