"""Passwords, tokens, secrets, outbound addresses, and what a file really is."""
