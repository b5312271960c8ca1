"""What of a web page is put right, and what left out, before its text is taken?"""
