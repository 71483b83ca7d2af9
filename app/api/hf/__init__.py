"""The Hugging Face dialect."""
