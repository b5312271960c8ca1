"""Everything that can be swapped: one folder a kind, one folder in it an implementation.

``interfaces`` holds the contracts, ``framework`` what finds, checks, builds and fences plugins, ``vendors`` what
they share of outside services and libraries.
"""
