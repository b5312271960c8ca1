"""How does Knowledge Foundry compare with what others use for the same work?"""
