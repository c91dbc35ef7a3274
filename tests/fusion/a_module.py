"""A module of the user's, with a number that his functions read."""

SCALE = 2.0
