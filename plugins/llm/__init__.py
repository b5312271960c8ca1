"""Language models, and the router over them."""
