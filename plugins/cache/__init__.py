"""Short memories: values under keys, for so long."""
