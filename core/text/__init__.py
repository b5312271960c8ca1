"""How is text cut into words, sentences and weights, whatever its language?"""
