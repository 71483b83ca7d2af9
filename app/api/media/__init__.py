"""What bodies of strangers hold: JSON, forms, files as they are."""
