"""Data and weights of one's own, as `--source` names them: read, or refused with the file and the line."""
