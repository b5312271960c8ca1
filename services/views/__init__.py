"""What do services hand to faces? Frozen pydantic models, so that a route can return them as they are."""
