"""What does the router consist of?"""
