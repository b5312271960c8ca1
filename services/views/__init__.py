"""What services hand to faces: frozen pydantic models, so that a route can return them as they are.

No database row ever leaves a service. Everybody calls these; they call nothing but ``core``.
"""
