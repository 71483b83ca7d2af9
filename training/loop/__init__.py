"""Modules are trained here: the loop, what an epoch shows, and how steps are taken."""
