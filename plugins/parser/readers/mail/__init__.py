"""How are mails read, and what is attached to them?"""
