"""Sample documents and questions; nothing here is imported by the product."""
