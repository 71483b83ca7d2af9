"""An imported classifier of texts beside the ways in which people serve one."""
