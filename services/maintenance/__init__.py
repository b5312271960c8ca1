"""What is looked after while nobody watches?"""
