"""How much training a candidate gets."""
