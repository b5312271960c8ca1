"""Vectors in Chroma, in a process of its own or at a server."""
