"""What words does every part of Knowledge Foundry share?"""
