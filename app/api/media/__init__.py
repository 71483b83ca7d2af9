"""Bodies of strangers: JSON, forms, files as they are."""
