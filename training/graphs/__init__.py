"""What a trained module becomes: graphs and programs that the service runs, proven equal to it."""
