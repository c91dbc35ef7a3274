"""Budgets: how much training a candidate gets, and when."""
