"""Readers of files, and the sandbox they work in."""
