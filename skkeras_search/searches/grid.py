"""Grid search with cross-validation."""

import math
from collections.abc import Mapping
from numbers import Integral
from typing import Any, Literal

import numpy as np
from sklearn import model_selection
from sklearn.model_selection import ParameterGrid
from sklearn.utils._param_validation import Interval, StrOptions

from skkeras_search.searches.base import OF_ALL_SEARCHES
from skkeras_search.searches.listed import ListedSearch
from skkeras_search.searches.spaces import (
    as_list,
    check_names,
    choices_of,
    given_or_declared,
    of_scikit_learn,
)
from skkeras_search.space import Space
from skkeras_search.space.notations import is_dimension, is_distribution

# Of a grid with dimensions, before conditions leave out some.
MOST_CANDIDATES = 2**20


class GridSearchCV(ListedSearch, model_selection.GridSearchCV):
    """scikit-learn's grid search, with all folds of all candidates trained together.

    Parameters
    ----------
    estimator : estimator
    param_grid : dict, Space or list of them, optional
        As in ``sklearn.model_selection.GridSearchCV``: lists of values by the names of
        parameters. A ``Real`` or ``Integer``, bounds with a prior, as in
        ``(1e-4, 1e-1, "log-uniform")``, or a distribution of ``scipy.stats`` stand for
        values that are spread evenly. Dimensions may be conditional.
        If not given, what a build function with ``hp`` declares is searched.
    scoring, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in ``sklearn.model_selection.GridSearchCV``.
    n_jobs : int, optional
        None trains Keras estimators in this process. Several workers get a whole candidate
        each. Other estimators have their fits spread as in scikit-learn.
    n_values : int, default=5
        Number of values of a dimension of numbers.
    n_repeats : int, default=1
        Number of fits of each candidate to the rows of each fold. Each has other random
        numbers: parameters whose names end in ``random_state`` get other seeds. Scores in
        ``cv_results_`` are then means over the repeats, and ``std_repeats_test_score`` is
        the standard deviation of ``mean_test_score`` over them.
    fit_timeout : float, optional
        Seconds that one fit of a fold may take, scoring included. A longer one fails
        with ``TimeoutError``. A call of C code that does not return is ended only in a
        worker process, as with ``n_jobs=2``.
    n_retries : int, default=2
        How often a candidate whose worker process died is tried again.
    storage : path-like, optional
        File to which all that is evaluated is written at once. The same search with the
        same file goes on where it was, however it ended. Without a ``random_state``, the
        seed is in the file, too.
    search_name : str, optional
        Name of the search in the file, for files with several searches. By default
        "search".
    resume : {"extend"}, optional
        Take the results of another search of this name, if only its space, number of
        candidates or seed are others. By default such a search is refused.

    Attributes
    ----------
    cv_results_, best_estimator_, best_score_, best_params_, best_index_, scorer_, \
n_splits_, refit_time_, multimetric_, classes_, n_features_in_, feature_names_in_
        As in ``sklearn.model_selection.GridSearchCV``.
        After an error, or Ctrl-C pressed twice, there are ``cv_results_`` and those whose
        names begin with ``best_``, but for ``best_estimator_``, of the candidates that were
        finished.
        ``cv_results_["error"]`` has for each candidate the traceback of its first fit that
        failed, or why a score is not a number; None if nothing failed.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import GridSearchCV, Real
    >>> search = GridSearchCV(SVC(), {"C": Real(0.01, 100, "log-uniform")}, n_values=3)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> [round(params["C"], 6) for params in search.cv_results_["params"]]
    [0.01, 1.0, 100.0]
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **model_selection.GridSearchCV._parameter_constraints,
        "param_grid": [dict, list, Space, None],
        "n_values": [Interval(Integral, 1, None, closed="left")],
        **OF_ALL_SEARCHES,
        "resume": [StrOptions({"extend"}), None],
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Any = None,
        *,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
        n_values: int = 5,
        n_repeats: int = 1,
        fit_timeout: float | None = None,
        n_retries: int = 2,
        storage: Any = None,
        search_name: str | None = None,
        resume: Literal["extend"] | None = None,
    ):
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.n_values = n_values
        self.n_repeats = n_repeats
        self.fit_timeout = fit_timeout
        self.n_retries = n_retries
        self.storage = storage
        self.search_name = search_name
        self.resume = resume

    def _grids(self) -> list[Mapping[str, Any]]:
        return as_list(given_or_declared(self.param_grid, self.estimator, "param_grid"))

    def _choices(self) -> list[Any]:
        return [choice for grid in self._grids() for choice in choices_of(grid)]

    def _candidates(self) -> list[dict[str, Any]]:
        if not any(
            is_dimension(given) or is_distribution(given)
            for grid in self._grids()
            for given in grid.values()
        ):
            return list(ParameterGrid(self.param_grid))
        spaces = [of_scikit_learn(grid) for grid in self._grids()]
        for space in spaces:
            check_names(self.estimator, space)
            self._check_size(space)
        return [params for space in spaces for params in space.grid(self.n_values)]

    def _check_size(self, space: Space) -> None:
        n = math.prod(len(dimension.grid(self.n_values)) for dimension in space)
        if n > MOST_CANDIDATES:
            raise ValueError(
                f"The grid has {n} combinations of values, more than {MOST_CANDIDATES}. "
                f"Give fewer values, or n_values less than {self.n_values}; or take "
                "RandomizedSearchCV or BayesSearchCV, which try some of them."
            )
