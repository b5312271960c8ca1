"""How does PostgreSQL keep what must not be lost?"""
