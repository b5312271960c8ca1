"""How are workbooks and rows between separators read?"""
