"""Where sentences end, in any script. `sentencex` is the base; what it misses is added, what it splits wrongly joined.

Knows nothing of markup or models.
"""
