"""A search that spends epochs and folds where they pay."""

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from skkeras_search.budgets.freeze_thaw import FreezeThaw
from skkeras_search.budgets.rung import folds_rungs
from skkeras_search.searches.base import OF_ALL_SEARCHES
from skkeras_search.searches.budgeted import BudgetSearch, as_one_space


class FreezeThawSearchCV(BudgetSearch):
    """Search for the best parameters, and train on only what promises to be the best.

    Most candidates are given up after a ninth of the epochs of one fold. A Gaussian process
    learns from all scores so far, and decides at each step whether to begin another
    candidate or to go on with one that was left: to the end of its first fold, and then in
    all folds (``FreezeThaw``). A candidate that goes on has the weights, the state of the
    optimizer and of the callbacks, and the random numbers that it had, so that it becomes
    what it would have become without a stop.

    The training has to be that of a ``KerasClassifier`` or ``KerasRegressor``, alone or as
    the last step of a pipeline. All other estimators are trained to the end, one fold after
    the other.

    Parameters
    ----------
    estimator : estimator
        With ``fit``, and with ``score`` unless ``scoring`` is given.
    search_spaces : dict or Space, optional
        What ``Space`` takes, by the names of the estimator's parameters. If not given,
        what a build function with ``hp`` declares.
    n_iter : float, default=20
        What all training may cost, in full evaluations: all epochs in all folds of one
        candidate are 1. So it costs what ``BayesSearchCV`` with this ``n_iter`` costs
        without early stopping, and tries several times as many candidates. Epochs that
        early stopping saves are spent on others.
    max_epochs : int, optional
        Epochs of a candidate that is trained to the end. If not given, the ``epochs`` of
        the estimator, which may be searched, too.
    rungs : list of (int, float), optional
        Where training stops to be compared: after so many folds, each trained to this share
        of its epochs. If not given, ``[(1, 1/9), (1, 1/3), (1, 1.0), (n_splits, 1.0)]``.
    n_initial : int, optional
        Number of candidates that fill the space evenly before the process chooses. If not
        given, 5, or up to 12 in a conditional space.
    n_points : int, optional
        Number of steps that are under way at a time. Each is chosen without knowing the
        outcome of the others. If not given, one more than there are cores, or workers, so
        that none of them waits; 1 where there is one. (A backend of joblib that you choose
        gets them in batches.) The same ``random_state`` and
        ``n_points`` give the same search on any machine.
    scoring, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in ``sklearn.model_selection.RandomizedSearchCV``. With several metrics the
        search maximises the one that ``refit`` names, or the first. The refit trains from
        the beginning on all rows, for the epochs of the best candidate; where a callback
        has stopped some of its folds, for the median of their epochs.
    n_jobs : int, optional
        None trains Keras estimators in this process, on all cores. Several workers get a
        step each.
    random_state : int, RandomState instance or None, default=None
        Of the candidates.
    n_repeats : int, default=1
        Number of fits of each candidate to the rows of each fold, as in ``GridSearchCV``.
        All of them together are one evaluation.
    fit_timeout : float, optional
        Seconds that a step of a fold may take, scoring included. A longer one fails
        with ``TimeoutError``. A call of C code that does not return is ended only in a
        worker process, as with ``n_jobs=2``.
    n_retries : int, default=2
        How often a candidate whose worker process died is tried again.
    storage, search_name, resume : path-like, str and "extend", optional
        File to which results are written, the name of the search in it, and whether to
        extend another search of this name, as in ``GridSearchCV``.

    Attributes
    ----------
    cv_results_ : dict of ndarray
        As in ``sklearn.model_selection.RandomizedSearchCV``, with a row for each candidate.
        ``status`` is "finished", "frozen" or "failed". Scores of folds that were not
        trained are not numbers. ``mean_test_score`` and its like are of finished candidates
        only, as others cannot be compared. Finished candidates rank first, frozen ones
        after them, those farther trained first. ``mean_n_epochs`` are the epochs of the
        folds that were begun, ``n_resources`` those of all folds together, or the number of
        folds where there are no epochs. ``error`` has the traceback of the first fit
        of a candidate that failed, or why a score is not a number; None if nothing failed.
    learning_curves_ : pandas.DataFrame
        The learning curve of each fit, with a row for each epoch: ``candidate``, ``fold``,
        ``repeat``, ``epoch``, ``score``, which is measured where a step ended, and what
        Keras has reported, such as ``loss``.
    best_n_epochs_ : int or None
        Epochs of the best candidate, when it is fitted to all rows. None without epochs.
    best_estimator_, best_score_, best_params_, best_index_, scorer_, n_splits_, \
refit_time_, multimetric_, classes_, n_features_in_, feature_names_in_
        As in ``sklearn.model_selection.RandomizedSearchCV``, of the best of the candidates
        that are finished.

    See Also
    --------
    BayesSearchCV : Evaluates every candidate in full.
    HyperbandSearchCV : Decides by a fixed plan.

    Examples
    --------
    Without epochs, only folds are saved:

    >>> import warnings
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import FreezeThawSearchCV
    >>> search = FreezeThawSearchCV(
    ...     SVC(), {"C": (1e-3, 1e3, "log-uniform")}, n_iter=5, cv=3, random_state=0
    ... )
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore", UserWarning)
    ...     search = search.fit(*load_iris(return_X_y=True))
    >>> len(search.cv_results_["params"]) > 5
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        **BaseSearchCV._parameter_constraints,
        "n_iter": [Interval(Real, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left"), None],
        "rungs": ["array-like", None],
        "n_initial": [Interval(Integral, 1, None, closed="left"), None],
        "n_points": [Interval(Integral, 1, None, closed="left"), None],
        "random_state": ["random_state"],
        **OF_ALL_SEARCHES,
        "resume": [StrOptions({"extend"}), None],
    }

    def __init__(
        self,
        estimator: Any,
        search_spaces: Any = None,
        *,
        n_iter: float = 20,
        max_epochs: int | None = None,
        rungs: Iterable[tuple[int, float]] | None = None,
        n_initial: int | None = None,
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
        resume: Literal["extend"] | None = None,
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
        self.n_iter = n_iter
        self.max_epochs = max_epochs
        self.rungs = rungs
        self.n_initial = n_initial
        self.n_points = n_points
        self.random_state = random_state
        self.n_repeats = n_repeats
        self.fit_timeout = fit_timeout
        self.n_retries = n_retries
        self.storage = storage
        self.search_name = search_name
        self.resume = resume
        if search_spaces is not None:
            as_one_space(search_spaces)  # whose errors come where they were made

    def _rule(self, n_folds: int, has_epochs: bool) -> FreezeThaw:
        rungs = self.rungs
        if rungs is None and not has_epochs:
            rungs = folds_rungs(n_folds)
        seed = check_random_state(self._seed()).randint(2**31)
        return FreezeThaw(
            self._space,
            n_folds,
            self.n_iter,
            rungs=rungs,
            n_initial=self.n_initial,
            random_state=seed,
        )
