"""Which pages does the admin app have?"""
