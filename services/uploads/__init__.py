"""How a file comes in: checked, stored, made a document or a version with a task, and receipted.

Nothing is read here; that is ``indexing``. Others call ``IngestionService``, ``ResumableUploads``, ``receipt_of`` and
``activate``.
"""
