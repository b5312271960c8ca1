"""The chat people see: Chainlit, in our door, over our services."""
