"""How modules are trained: the loop, what an epoch shows, and how steps are taken."""
