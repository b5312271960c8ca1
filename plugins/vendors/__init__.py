"""What several plugins of one maker share: their errors as ours, their servers, their classes.

Plugins alone call these.
"""
