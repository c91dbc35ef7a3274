"""Hyperband with cross-validation."""

from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from skkeras_search.budgets.hyperband import Hyperband
from skkeras_search.searches.base import OF_ALL_SEARCHES
from skkeras_search.searches.budgeted import BudgetSearch, as_one_space


class HyperbandSearchCV(BudgetSearch):
    """Search by Hyperband: train many candidates for a few epochs, and the best for more.

    The search runs brackets of successive halving that differ in how early they begin to
    select candidates. All folds of a candidate are trained at each step, and a candidate
    that is promoted continues from its current weights. The estimator has to be a Keras
    estimator or a pipeline that ends with one. ``FreezeThawSearchCV`` finds better
    candidates for the same training.

    Parameters
    ----------
    estimator : estimator
        A ``KerasClassifier`` or ``KerasRegressor``, or a pipeline that ends with one.
    search_spaces : dict or Space, default=None
        Search space: dimensions by the names of parameters, as in ``{"units": [16, 32],
        "learning_rate": (1e-4, 1e-1, "log-uniform")}``. A parameter of a part of the
        estimator has a prefix, as in ``"mlp__learning_rate"``. None searches the
        hyperparameters that a build function declares with ``hp``.
    max_epochs : int, default=81
        Number of epochs of a candidate that is trained to the end. It takes the place of
        the ``epochs`` of the estimator.
    factor : float, default=3
        Factor by which the number of candidates falls, and their number of epochs rises,
        from one rung to the next. At least 2.
    min_epochs : int, default=1
        Smallest number of epochs after which candidates are compared.
    sampler : {"random", "bayes"}, default="random"
        How candidates are proposed. "random" draws them at random, as in Hyperband. "bayes"
        uses a Gaussian process that learns from the scores so far; BOHB does the same with
        density estimates.
    n_points : int, default=None
        Number of steps that run at a time. None stands for one more than there are cores or
        workers, and for 1 if there is one. With ``sampler="random"`` it changes only the
        time that the search takes.
    scoring : str, callable, list, tuple or dict, default=None
        Metric to maximize: the name of a scorer or a callable ``scorer(estimator, X, y)``.
        Several metrics are given as a list of names, as a dict of scorers or as a callable
        that returns a dict; see ``refit``. None uses the ``score`` method of the estimator.
    n_jobs : int, default=None
        None trains all Keras fits in this process, unless a ``joblib.parallel_config``
        block chooses a backend. The fits share compiled programs and use all cores, which
        is usually the fastest way for small models. With several workers, each worker
        process trains one step of one candidate at a time. It has to import TensorFlow and
        to compile its own programs first, so a search over small models usually takes
        longer. -1 starts one worker for each core.
    refit : bool, str or callable, default=True
        Whether to fit the best candidate to all rows, which gives ``best_estimator_``: it
        is trained from the beginning for ``best_n_epochs_`` epochs. With several metrics,
        the name of the metric that the search maximizes, or False: it then maximizes the
        first. A callable receives ``cv_results_`` and returns the index of the best
        candidate.
    cv : int, splitter or iterable, default=None
        Number of folds, a scikit-learn splitter, or an iterable of (train, test) arrays of
        row indices. None makes 5 folds. If the number is given or None, the folds of
        classifiers are stratified by class; for Keras classifiers also if ``y`` is one-hot
        encoded.
    verbose : int, default=0
        0 prints nothing. 1 shows the progress and the best candidate so far: in a live
        region of a terminal or notebook, elsewhere as one line for each step. 2 or more
        always prints lines, and scikit-learn's line for each fit.
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
        repeats. All repeats together count as one
        evaluation.
    fit_timeout : float, default=None
        Time limit in seconds for one step of one fold, including scoring. A fit that
        exceeds the limit fails with ``TimeoutError``. A call of C code that does not return
        can only be ended in a worker process, for example with ``n_jobs=2``.
    n_retries : int, default=2
        Number of times that a candidate is tried again after its worker process has died.
    storage : path-like, default=None
        SQLite file to which each result is written as soon as it is known. If the same
        search is run again with the same file, it continues where it stopped. If
        ``random_state`` is None, the file also keeps the seed.
    search_name : str, default=None
        Name of the search in ``storage``. Give each search a name if the file holds
        several. None stands for "search". A Hyperband search cannot extend another search.

    Attributes
    ----------
    cv_results_ : dict of ndarray of shape (n_candidates,)
        Results with one entry for each candidate: ``params`` (a list of dicts), ``param_*``
        (masked where a candidate does not have the parameter), ``status`` ("finished",
        "frozen" or "failed"), ``split0_test_score`` and so on (the last score of each fold,
        NaN for folds that were not trained), ``mean_test_score`` and ``std_test_score``
        (NaN for candidates that are not finished, as they cannot be compared),
        ``rank_test_score`` (finished candidates first, then frozen ones, those trained
        furthest first), ``mean_n_epochs`` (the mean over all fits that were begun),
        ``n_resources`` (the sum over these fits of the epochs that each was trained to,
        counting at least 1 for each fit), and the mean and standard deviation over the
        folds of ``fit_time`` and ``score_time`` in seconds. A candidate has a fit for each
        fold and repeat. ``error`` is the traceback of the first fit that failed, or says
        which score is not a finite number; None if nothing failed.
    best_estimator_ : estimator
        The best finished candidate, fitted to all rows. Missing if ``refit=False``.
    best_score_ : float
        Mean score of the best finished candidate over all folds. Missing if ``refit`` is a
        callable, or if there are several metrics and ``refit=False``.
    best_params_ : dict
        Hyperparameters of the best finished candidate. Missing if there are several metrics
        and ``refit=False``.
    best_index_ : int
        Index of this candidate in ``cv_results_``. Missing if there are several metrics and
        ``refit=False``.
    best_n_epochs_ : int or None
        Number of epochs for which the best candidate is fitted to all rows: all its epochs,
        or the median over its fits if a callback has stopped some. None without epochs.
        Missing if there are several metrics and ``refit=False``.
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
        Start, end and process of each step of each fit. Requires pandas.
    classes_ : ndarray of shape (n_classes,)
        Class labels, for classifiers. Missing if ``refit=False``.
    n_features_in_ : int
        Number of features of the best estimator. Missing if ``refit=False``.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if ``X`` has names. Missing if ``refit=False``.

    Raises
    ------
    TypeError, ValueError
        If ``search_spaces`` is not a search space.

    See Also
    --------
    FreezeThawSearchCV : Decides by the scores how far each candidate is trained.
    BayesSearchCV : Evaluates every candidate in full.

    Notes
    -----
    After an error, or after Ctrl-C is pressed twice, ``cv_results_``, ``best_params_``,
    ``best_index_`` and ``best_score_`` describe the candidates that were finished.
    ``best_estimator_`` is then missing.

    References
    ----------
    Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband: A Novel Bandit-Based
    Approach to Hyperparameter Optimization", JMLR 18, 2018.

    Falkner, Klein and Hutter, "BOHB: Robust and Efficient Hyperparameter Optimization at
    Scale", ICML 2018.

    Examples
    --------
    >>> import keras
    >>> from sklearn.datasets import load_iris
    >>> from skkeras_search import HyperbandSearchCV, KerasClassifier
    >>> def build(rate=1e-3):
    ...     model = keras.Sequential([keras.layers.Dense(3, activation="softmax")])
    ...     model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    ...     return model
    >>> classifier = KerasClassifier(build, verbose=0, random_state=0)
    >>> space = {"rate": (1e-4, 1.0, "log-uniform")}
    >>> search = HyperbandSearchCV(classifier, space, max_epochs=9, cv=2, random_state=0)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> sorted({int(n) for n in search.cv_results_["mean_n_epochs"]})
    [1, 3, 9]
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **BaseSearchCV._parameter_constraints,
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "factor": [Interval(Real, 2, None, closed="left")],
        "min_epochs": [Interval(Integral, 1, None, closed="left")],
        "sampler": [StrOptions({"random", "bayes"})],
        "n_points": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        **OF_ALL_SEARCHES,
    }
    max_epochs: int

    def __init__(
        self,
        estimator: Any,
        search_spaces: Any = None,
        max_epochs: int = 81,
        factor: float = 3,
        min_epochs: int = 1,
        sampler: Literal["random", "bayes"] = "random",
        *,
        n_points: int | None = None,
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
    ):
        super().__init__(
            estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.search_spaces = search_spaces
        self.max_epochs = max_epochs
        self.factor = factor
        self.min_epochs = min_epochs
        self.sampler = sampler
        self.n_points = n_points
        self.random_state = random_state
        self.n_repeats = n_repeats
        self.fit_timeout = fit_timeout
        self.n_retries = n_retries
        self.storage = storage
        self.search_name = search_name
        if search_spaces is not None:
            as_one_space(search_spaces)  # check now, so that errors point to this call

    def _do_without_epochs(self, why: str) -> None:
        raise ValueError(
            f"HyperbandSearchCV saves epochs, but {why}. Use FreezeThawSearchCV, which can "
            "save folds instead."
        )

    def _rule(self, n_folds: int, has_epochs: bool) -> Hyperband:
        seed = check_random_state(self._seed()).randint(2**31)
        return Hyperband(
            self._space,
            n_folds,
            max_epochs=self.max_epochs,
            min_epochs=self.min_epochs,
            factor=self.factor,
            sampler=self.sampler,
            random_state=seed,
        )
