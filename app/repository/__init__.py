"""Model versions on disk: what they hold, whether they can be trusted, how they get there."""
