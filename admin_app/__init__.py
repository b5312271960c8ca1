"""How do administrators see and steer the application?"""
