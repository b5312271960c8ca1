"""The one door: who may come in, what may be asked, how is it answered?"""
