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
    """Train many candidates for a few epochs, and fewer and fewer of them for more.

    Brackets of successive halving that differ in how early they begin to choose
    (``Hyperband``). All folds of a candidate are trained; one that goes on continues from
    where it was left, as in ``FreezeThawSearchCV``, which finds better candidates for the
    same training. The last step of a pipeline has to be a Keras estimator.

    Parameters
    ----------
    estimator : estimator
        A ``KerasClassifier`` or ``KerasRegressor``, or a pipeline that ends with one.
    search_spaces : dict or Space, optional
        What ``Space`` takes, by the names of the estimator's parameters. If not given,
        what a build function with ``hp`` declares.
    max_epochs : int, default=81
        Epochs of a candidate that is trained to the end, in the place of ``epochs``.
    factor : float, default=3
        By how much the number of candidates falls and their epochs rise from one rung to
        the next; at least 2.
    min_epochs : int, default=1
        The least epochs before candidates are compared.
    sampler : {"random", "bayes"}, default="random"
        How candidates are drawn: at random, as in Hyperband, or by a Gaussian process that
        knows the scores so far, as BOHB does with density estimates.
    n_points : int, optional
        Number of steps that are under way at a time. If not given, one more than there are
        cores, or workers; 1 where there is one. With ``sampler="random"`` it changes
        nothing but the time.
    scoring, refit, cv, verbose, pre_dispatch, error_score, return_train_score
        As in ``FreezeThawSearchCV``.
    n_jobs : int, optional
        None trains in this process, on all cores. Several workers get a step each.
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
    storage, search_name : path-like and str, optional
        File to which results are written, and the name of the search in it, as in
        ``GridSearchCV``. The plan of another search cannot be extended.

    Attributes
    ----------
    cv_results_, learning_curves_, best_n_epochs_, best_estimator_, best_score_, \
best_params_, best_index_, scorer_, n_splits_, refit_time_, multimetric_, classes_, \
n_features_in_, feature_names_in_
        As in ``FreezeThawSearchCV``.

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
            as_one_space(search_spaces)  # whose errors come where they were made

    def _do_without_epochs(self, why: str) -> None:
        raise ValueError(
            f"HyperbandSearchCV saves epochs, but {why}. FreezeThawSearchCV can save folds."
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
