"""Keras 3 models as scikit-learn estimators, and hyperparameter searches for them.

The public names are loaded on first use, so ``import skkeras_search`` is fast and does not
import TensorFlow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import skkeras_search.fusion  # noqa: F401  # registers the joblib backend "fused"

if TYPE_CHECKING:
    from skkeras_search.estimators import (
        BaseWrapper,
        KerasClassifier,
        KerasRegressor,
        MultiInput,
    )
    from skkeras_search.interop.export import export
    from skkeras_search.interop.mlflow import MLflowLogger
    from skkeras_search.record import StorageError
    from skkeras_search.searches import (
        BayesSearchCV,
        FreezeThawSearchCV,
        GridSearchCV,
        HyperbandSearchCV,
        NoImprovement,
        RandomizedSearchCV,
        SearchProgress,
        TargetScore,
        TimeBudget,
        load_search,
    )
    from skkeras_search.space import Categorical, Integer, Real, Space
    from skkeras_search.tensorboard import TensorBoardLogger

__version__ = "0.1.0"

__all__ = [
    "BaseWrapper",
    "BayesSearchCV",
    "Categorical",
    "FreezeThawSearchCV",
    "GridSearchCV",
    "HyperbandSearchCV",
    "Integer",
    "KerasClassifier",
    "KerasRegressor",
    "MLflowLogger",
    "MultiInput",
    "NoImprovement",
    "RandomizedSearchCV",
    "Real",
    "SearchProgress",
    "Space",
    "StorageError",
    "TargetScore",
    "TensorBoardLogger",
    "TimeBudget",
    "export",
    "load_search",
]

_HOME = {
    **dict.fromkeys(
        ("BaseWrapper", "KerasClassifier", "KerasRegressor", "MultiInput"), "estimators"
    ),
    **dict.fromkeys(("Categorical", "Integer", "Real", "Space"), "space"),
    "MLflowLogger": "interop.mlflow",
    "StorageError": "record",
    "TensorBoardLogger": "tensorboard",
    "export": "interop.export",
    **dict.fromkeys(
        (
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
        ),
        "searches",
    ),
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
