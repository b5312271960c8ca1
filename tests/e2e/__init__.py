"""Does the running application work in a real browser?"""
