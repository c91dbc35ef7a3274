"""Hyperparameter searches with cross-validation."""

from skkeras_search.searches.bayes import BayesSearchCV
from skkeras_search.searches.freeze_thaw import FreezeThawSearchCV
from skkeras_search.searches.grid import GridSearchCV
from skkeras_search.searches.hyperband import HyperbandSearchCV
from skkeras_search.searches.loaded import load_search
from skkeras_search.searches.progress import SearchProgress
from skkeras_search.searches.randomized import RandomizedSearchCV
from skkeras_search.searches.stops import NoImprovement, TargetScore, TimeBudget

__all__ = [
    "BayesSearchCV",
    "FreezeThawSearchCV",
    "GridSearchCV",
    "HyperbandSearchCV",
    "NoImprovement",
    "RandomizedSearchCV",
    "SearchProgress",
    "TargetScore",
    "TimeBudget",
    "load_search",
]
