"""Open Inference Protocol V2: tensors."""
