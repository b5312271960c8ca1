"""How do people and programs reach the application over HTTP?"""
