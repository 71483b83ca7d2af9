"""Trained modules become graphs and programs that the service runs, proven equal to them."""
