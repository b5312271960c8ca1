"""Ways to tell people something."""
