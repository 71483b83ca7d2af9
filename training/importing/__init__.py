"""Models that were made elsewhere: proved equal to what they were, and published."""
