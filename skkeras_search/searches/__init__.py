"""Hyperparameter searches with cross-validation."""

from skkeras_search.searches.bayes import BayesSearchCV
from skkeras_search.searches.grid import GridSearchCV
from skkeras_search.searches.progress import SearchProgress
from skkeras_search.searches.randomized import RandomizedSearchCV

__all__ = ["BayesSearchCV", "GridSearchCV", "RandomizedSearchCV", "SearchProgress"]
