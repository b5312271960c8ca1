"""How a stored file becomes something that can be found.

Parsing, chunking, embedding and the transaction that lets a version answer; each step can be repeated. Others call
``IngestionPipeline`` and ``TaskService``.
"""
