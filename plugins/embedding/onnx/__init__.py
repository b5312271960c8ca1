"""How are texts embedded on a plain processor, without torch and without a download?"""

from plugins.embedding.onnx.provider import OnnxEmbedding

__all__ = ["OnnxEmbedding"]
