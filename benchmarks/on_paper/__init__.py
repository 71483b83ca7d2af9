"""A fleet of services on paper: simulated and reckoned from what was measured on one machine."""
