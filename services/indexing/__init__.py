"""How does a parsed document become chunks with vectors that search finds?"""
