"""Model versions that lie elsewhere: in an object store, on the Hugging Face hub, or in another folder."""
