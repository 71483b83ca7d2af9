"""Baselines that take longer than the model they are compared with: measured once, kept as small tables.

`python -m training.baselines <recipe>` measures them anew, and writes `training/baselines/<recipe>.json`. It needs the
`baselines` extra, and npm for the summarizer. A recipe reads the table, and refuses it if it is of other data or of
another split.
"""
