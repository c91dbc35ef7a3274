"""Hyperparameter searches with cross-validation."""

from skkeras_search.searches.bayes import BayesSearchCV

__all__ = ["BayesSearchCV"]
