"""How faithful a model's explanations are to it: what they call telling is left out first, and its score must fall."""
