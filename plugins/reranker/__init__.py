"""Models that order passages by a question."""
