"""Randomized search with cross-validation."""

import warnings
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from sklearn import model_selection
from sklearn.model_selection import ParameterSampler
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions

from skkeras_search.samplers import RandomSampler
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
from skkeras_search.space.notations import is_dimension


class RandomizedSearchCV(ListedSearch, model_selection.RandomizedSearchCV):
    """scikit-learn's randomized search, with all folds of all candidates trained together.

    Parameters
    ----------
    estimator : estimator
    param_distributions : dict, Space or list of them, optional
        As in ``sklearn.model_selection.RandomizedSearchCV``: lists, and distributions of
        ``scipy.stats``, by the names of parameters. Dimensions, and bounds with a prior,
        as in ``(1e-4, 1e-1, "log-uniform")``, are taken, too, and may be conditional; no
        candidate is then evaluated twice. In a list, each candidate is of one of the
        dicts, all of which are as likely.
        If not given, what a build function with ``hp`` declares is searched.
    n_iter : int, default=10
        Number of candidates.
    scoring, refit, cv, verbose, pre_dispatch, random_state, error_score, \
return_train_score
        As in ``sklearn.model_selection.RandomizedSearchCV``.
    n_repeats : int, default=1
        Number of fits of each candidate to the rows of each fold, as in ``GridSearchCV``.
    storage, search_name, resume : path-like, str and "extend", optional
        File to which results are written, the name of the search in it, and whether to
        extend another search of this name, as in ``GridSearchCV``.
    n_jobs : int, optional
        None trains Keras estimators in this process. Several workers get a whole candidate
        each. Other estimators have their fits spread as in scikit-learn.
    fit_timeout : float, optional
        Seconds that one fit of a fold may take, scoring included. A longer one fails
        with ``TimeoutError``. A call of C code that does not return is ended only in a
        worker process, as with ``n_jobs=2``.
    n_retries : int, default=2
        How often a candidate whose worker process died is tried again.

    Attributes
    ----------
    cv_results_, best_estimator_, best_score_, best_params_, best_index_, scorer_, \
n_splits_, refit_time_, multimetric_, classes_, n_features_in_, feature_names_in_
        As in ``sklearn.model_selection.RandomizedSearchCV``.
        After an error, or Ctrl-C pressed twice, there are ``cv_results_`` and those whose
        names begin with ``best_``, but for ``best_estimator_``, of the candidates that were
        finished.
        ``cv_results_["error"]`` has for each candidate the traceback of its first fit that
        failed, or why a score is not a number; None if nothing failed.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import RandomizedSearchCV, Real
    >>> space = {"C": Real(0.01, 100, "log-uniform")}
    >>> search = RandomizedSearchCV(SVC(), space, n_iter=3, random_state=0)
    >>> len(search.fit(*load_iris(return_X_y=True)).cv_results_["params"])
    3
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **model_selection.RandomizedSearchCV._parameter_constraints,
        "param_distributions": [dict, list, Space, None],
        **OF_ALL_SEARCHES,
        "resume": [StrOptions({"extend"}), None],
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Any = None,
        *,
        n_iter: int = 10,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        n_repeats: int = 1,
        fit_timeout: float | None = None,
        n_retries: int = 2,
        storage: Any = None,
        search_name: str | None = None,
        resume: Literal["extend"] | None = None,
    ):
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.n_repeats = n_repeats
        self.fit_timeout = fit_timeout
        self.n_retries = n_retries
        self.storage = storage
        self.search_name = search_name
        self.resume = resume

    def _dicts(self) -> list[Mapping[str, Any]]:
        given = self.param_distributions
        return as_list(given_or_declared(given, self.estimator, "param_distributions"))

    def _choices(self) -> list[Any]:
        spaces = self._dicts()
        return [choice for space in spaces for choice in choices_of(space)]

    def _candidates(self) -> list[dict[str, Any]]:
        dicts = self._dicts()
        if not any(is_dimension(given) for some in dicts for given in some.values()):
            sampler = ParameterSampler(
                self.param_distributions, self.n_iter, random_state=self._seed()
            )
            return list(sampler)
        spaces = [of_scikit_learn(given) for given in dicts]
        for space in spaces:
            check_names(self.estimator, space)
        return self._draw(spaces)

    def _draw(self, spaces: list[Space]) -> list[dict[str, Any]]:
        rng = check_random_state(self._seed())
        samplers = [RandomSampler(space, rng) for space in spaces]
        candidates: list[dict[str, Any]] = []
        while len(candidates) < self.n_iter and samplers:
            sampler = samplers[rng.randint(len(samplers))]
            asked = sampler.ask()
            candidates += asked
            if not asked:
                samplers.remove(sampler)
        if len(candidates) < self.n_iter:
            warnings.warn(
                f"The search space has {len(candidates)} candidates, fewer than "
                f"n_iter={self.n_iter}. All of them are evaluated.",
                stacklevel=2,
            )
        return candidates
