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
    """Search random candidates of a space, with cross-validation.

    The class takes the place of ``sklearn.model_selection.RandomizedSearchCV``. It trains
    all folds of all Keras candidates together, as compiled programs, which is many times
    faster for small models. Spaces may also have dimensions and conditions, results can be
    kept in a file, and failures are recorded for each candidate.

    Parameters
    ----------
    estimator : estimator
        The estimator whose hyperparameters are searched: a Keras estimator, a pipeline, or
        any other scikit-learn estimator. It needs a ``score`` method if ``scoring`` is
        None.
    param_distributions : dict, Space or list of them, default=None
        Lists of values and ``scipy.stats`` distributions by the names of parameters, as in
        ``{"units": [16, 32], "dropout": uniform(0, 0.5)}``. A parameter of a part of the
        estimator has a prefix, as in ``"mlp__units"``. If there are dimensions such as
        ``Real``, or bounds with a prior such as ``(1e-4, 1e-1, "log-uniform")``, the space
        may be conditional and no candidate is evaluated twice. Each candidate comes from
        one of the spaces of a list, chosen at random. None searches the hyperparameters
        that a build function declares with ``hp``.
    n_iter : int, default=10
        Number of candidates.
    scoring : str, callable, list, tuple or dict, default=None
        Metric to maximize: the name of a scorer or a callable ``scorer(estimator, X, y)``.
        Several metrics are given as a list of names, as a dict of scorers or as a callable
        that returns a dict; see ``refit``. None uses the ``score`` method of the estimator.
    n_jobs : int, default=None
        None trains all Keras fits in this process, unless a ``joblib.parallel_config``
        block chooses a backend. The fits share compiled programs and use all cores, which
        is usually the fastest way for small models. With several workers, each worker
        process trains all folds of one candidate at a time. It has to import TensorFlow and
        to compile its own programs first, so a search over small models usually takes
        longer. -1 starts one worker for each core. The fits of other estimators are
        distributed over the workers, as in scikit-learn.
    refit : bool, str or callable, default=True
        Whether to fit the best candidate to all rows, which gives ``best_estimator_``. With
        several metrics, the name of the metric that chooses the best candidate, or False. A
        callable receives ``cv_results_`` and returns the index of the best candidate.
    cv : int, splitter or iterable, default=None
        Number of folds, a scikit-learn splitter, or an iterable of (train, test) arrays of
        row indices. None makes 5 folds. If the number is given or None, the folds of
        classifiers are stratified by class; for Keras classifiers also if ``y`` is one-hot
        encoded.
    verbose : int, default=0
        0 prints nothing. 1 shows the progress and the best candidate so far: in a live
        region of a terminal or notebook, elsewhere as one line for each candidate. 2 or
        more always prints lines, and scikit-learn's line for each fit.
    pre_dispatch : int or str, default="2*n_jobs"
        Number of fits that are sent to workers in advance. It has an effect only with
        joblib backends that you choose yourself, such as ``"threading"``.
    random_state : int, RandomState instance or None, default=None
        Seed of the candidates. Pass an int for the same candidates in each run.
    error_score : "raise" or float, default=np.nan
        Score of a fit that fails. The failure is recorded in ``cv_results_["error"]``, and
        a ``FitFailedWarning`` is issued. With "raise", the first error ends the search.
    return_train_score : bool, default=False
        Whether to score the training rows, too. This takes additional time.
    n_repeats : int, default=1
        Number of fits of each candidate to each fold. Each repeat has other seeds:
        parameters whose names end in ``random_state`` get other values. In ``cv_results_``,
        scores are means over the repeats, times are sums over the repeats, and
        ``std_repeats_test_score`` is the standard deviation of the mean score over the
        repeats.
    fit_timeout : float, default=None
        Time limit in seconds for one fit of one fold, including scoring. A fit that exceeds
        the limit fails with ``TimeoutError``. A call of C code that does not return can
        only be ended in a worker process, for example with ``n_jobs=2``.
    n_retries : int, default=2
        Number of times that a candidate is tried again after its worker process has died.
    storage : path-like, default=None
        SQLite file to which each result is written as soon as it is known. If the same
        search is run again with the same file, it continues where it stopped. If
        ``random_state`` is None, the file also keeps the seed.
    search_name : str, default=None
        Name of the search in ``storage``. Give each search a name if the file holds
        several. None stands for "search".
    resume : {"extend"}, default=None
        "extend" reuses the results of an earlier search with this name in ``storage``, if
        only the search space, the number of candidates or the seed differ. By default, a
        different search raises ``ValueError``.

    Attributes
    ----------
    cv_results_ : dict of ndarray of shape (n_candidates,)
        Results with one entry for each candidate: ``params`` (a list of dicts), ``param_*``
        (masked where a candidate does not have the parameter), ``split0_test_score`` and so
        on, ``mean_test_score``, ``std_test_score``, ``rank_test_score``, and the mean and
        standard deviation of ``fit_time`` and ``score_time`` in seconds. ``error`` is the
        traceback of the first fit that failed, or says which score is not a finite number;
        None if nothing failed. With several metrics, their names take the place of
        ``score``.
    best_estimator_ : estimator
        The best candidate, fitted to all rows. Missing if ``refit=False``.
    best_score_ : float
        Mean cross-validated score of the best candidate. Missing if ``refit`` is a
        callable, or if there are several metrics and ``refit=False``.
    best_params_ : dict
        Hyperparameters of the best candidate. Missing if there are several metrics and
        ``refit=False``.
    best_index_ : int
        Index of the best candidate in ``cv_results_``. Missing if there are several metrics
        and ``refit=False``.
    scorer_ : callable or dict of callable
        The scorer, or with several metrics a dict of scorers.
    n_splits_ : int
        Number of folds.
    refit_time_ : float
        Seconds that the refit took. Missing if ``refit=False``.
    multimetric_ : bool
        Whether there are several metrics.
    learning_curves_ : pandas.DataFrame of shape (n_rows, n_columns)
        Learning curves of all fits, with one row for each epoch. Requires pandas.
    timeline_ : pandas.DataFrame of shape (n_rows, 7)
        Start, end and process of each fit. Requires pandas.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers. Missing if ``refit=False``.
    n_features_in_ : int
        Number of features of the best estimator. Missing if ``refit=False``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if ``X`` has names. Missing if ``refit=False``.

    See Also
    --------
    GridSearchCV : Tries all combinations of values.
    BayesSearchCV : Chooses each candidate by the scores so far.

    Notes
    -----
    After an error, or after Ctrl-C is pressed twice, ``cv_results_``, ``best_params_``,
    ``best_index_`` and ``best_score_`` describe the candidates that were finished.
    ``best_estimator_`` is then missing.

    References
    ----------
    Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13, 2012.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import RandomizedSearchCV, Real
    >>> space = {"C": Real(0.01, 100, "log-uniform"), "kernel": ["linear", "rbf"]}
    >>> search = RandomizedSearchCV(SVC(), space, n_iter=3, random_state=0)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> len(search.cv_results_["params"])
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
            candidates = list(sampler)
            for some in dicts:
                check_names(self.estimator, some)
            return candidates
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
