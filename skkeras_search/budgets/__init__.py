"""Budget rules: how far each candidate is trained, and when."""
