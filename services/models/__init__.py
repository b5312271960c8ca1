"""Which models work here, and which text may reach which.

Made of the entries under ``plugins``, with what administrators allow on top. Others call ``open_models``,
``open_reranking``, ``SharedEmbedding`` and ``DataPolicyService``.
"""
