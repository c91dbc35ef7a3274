"""Optuna's samplers, pruners, storages and plots, with searches of this package.

Needs ``pip install skkeras-search[optuna]``.
"""

try:
    import optuna  # noqa: F401
except ImportError as error:
    raise ImportError(
        "skkeras_search.interop.optuna needs Optuna, which is not installed. Install it "
        "with pip install skkeras-search[optuna]."
    ) from error

from skkeras_search.interop.optuna.finished import to_study
from skkeras_search.interop.optuna.sampler import BayesianOptunaSampler
from skkeras_search.interop.optuna.search import OptunaSearchCV

__all__ = ["BayesianOptunaSampler", "OptunaSearchCV", "to_study"]
