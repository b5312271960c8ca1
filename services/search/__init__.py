"""What may answer a question, for this principal.

Vectors and words are asked in every index, fused, and joined back to the rows that say who may read what. Others call
``SearchService``, ``HybridRetriever`` and ``PastVersions``.
"""
