"""How figures look, and pictures of robots."""
