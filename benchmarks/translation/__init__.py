"""Translation beside others: the same weights, sentences and cores."""
