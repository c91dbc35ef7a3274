"""Searches with the samplers, pruners and storages of Optuna, and conversion to studies.

Requires ``pip install skkeras-search[optuna]``.
"""

try:
    import optuna  # noqa: F401
except ImportError as error:
    raise ImportError(
        "skkeras_search.interop.optuna requires Optuna, which is not installed. Install it "
        "with pip install skkeras-search[optuna]."
    ) from error

from skkeras_search.interop.optuna.finished import to_study
from skkeras_search.interop.optuna.sampler import BayesianOptunaSampler
from skkeras_search.interop.optuna.search import OptunaSearchCV

__all__ = ["BayesianOptunaSampler", "OptunaSearchCV", "to_study"]
