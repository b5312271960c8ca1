"""Do the guides say what the code does?"""
