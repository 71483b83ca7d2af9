"""From typed items to typed outputs: engine, model, batcher."""
