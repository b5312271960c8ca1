"""What of a Word file is put right before its text is taken?"""
