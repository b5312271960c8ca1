"""How are texts in Org and reStructuredText read?"""
