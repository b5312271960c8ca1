"""The worker: a face that knows services and nothing below."""
