"""How does a model that reads question and passage together put the best first?"""

from plugins.reranker.cross_encoder.provider import CrossEncoderReranker

__all__ = ["CrossEncoderReranker"]
