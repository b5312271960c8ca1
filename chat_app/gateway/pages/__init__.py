"""Which pages does the gateway serve itself?"""
