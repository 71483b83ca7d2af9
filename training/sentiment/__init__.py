"""What the recipes of sentiment share: what is learned, how it is exported, and how it is judged."""
