"""How are rows read and written, and who may read which?"""
