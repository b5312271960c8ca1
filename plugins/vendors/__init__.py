"""What plugins share of the services and libraries they use: their errors as ours, their servers, their classes.

Plugins alone call these.
"""
