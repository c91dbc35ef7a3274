"""The results of a search, read from its storage."""

import json
import math
from typing import Any, NoReturn

from sklearn.base import BaseEstimator
from sklearn.model_selection._search import BaseSearchCV  # not public
from sklearn.utils._repr_html.estimator import _VisualBlock

from skkeras_search.budgets.rule import BudgetRule
from skkeras_search.nearest_name import did_you_mean
from skkeras_search.record.plain import unpack
from skkeras_search.record.store import Store, StoredSearch
from skkeras_search.searches.base import Search
from skkeras_search.searches.budgeted import BudgetSearch
from skkeras_search.searches.jobs import Fit, Job, Result
from skkeras_search.searches.metrics import metrics_of
from skkeras_search.searches.predicting import Predicting
from skkeras_search.searches.recording import NoRecord, result_of
from skkeras_search.searches.results import TrainRanks

# Attributes of a search that hold its estimator, or what is made with it.
OF_ESTIMATOR = (
    "estimator",
    "best_estimator_",
    "feature_names_in_",
    "refit_time_",
    "scorer_",
)


def load_search(storage: Any, search_name: str | None = None) -> "LoadedSearch":
    """Read the results of a search from its storage.

    The search may still be running in any process, or may have ended in any way. Neither
    the data nor TensorFlow is required.

    Parameters
    ----------
    storage : path-like
        The file that is the ``storage`` of the search.
    search_name : str, default=None
        The ``search_name`` of the search. Not required if the file has only one search.

    Returns
    -------
    LoadedSearch
        Has the attributes of a fitted search, as far as they are in the storage, and the
        methods that show results, such as ``plot`` and ``report``.

    Raises
    ------
    StorageError
        If the file cannot be read.
    ValueError
        If the file has no such search, or if no candidate of the search is evaluated yet.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import GridSearchCV, load_search
    >>> storage = tempfile.mkdtemp() + "/search.db"
    >>> search = GridSearchCV(SVC(), {"C": [0.1, 1.0]}, storage=storage)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> load_search(storage).best_params_
    {'C': 1.0}
    """
    with Store(storage, writes=False) as store:
        search = _find(store, search_name)
    if search.settings["in_steps"]:
        return _LoadedBudget(storage, search.name)
    ranks = search.settings["ranks_train_scores"]
    return (_LoadedWithTrainRanks if ranks else LoadedSearch)(storage, search.name)


class LoadedSearch(Search, BaseSearchCV):
    """The results of a search, as ``load_search`` returns them.

    A clone reads the storage again, so it has what a running search has found since.

    Parameters
    ----------
    storage : path-like
        The file that is the ``storage`` of the search.
    search_name : str
        The name of the search in the file.

    Attributes
    ----------
    search_class : str
        Name of the class of the search.
    random_state : int, str or None
        The seed, or a description of the random number generator.
    described_spaces : list of dict of str to str
        Descriptions of the values in each space of the search, by the names of
        hyperparameters. Empty if an earlier release wrote the storage.
    test_ratio : float
        Number of test rows per training row, over all folds. NaN if an earlier release
        wrote the storage.
    identity : dict of str to str
        Descriptions of everything that the results depend on: the parameters of the search
        and the estimator, and the data.
    versions : dict of str to str
        Versions of Python and of packages when the search began.
    n_running : int
        Number of jobs that are proposed and have not arrived, or had not when the search
        ended.
    cv_results_ : dict of ndarray of shape (n_candidates,)
        Results of the evaluated candidates. Hyperparameters that are not plain data, such
        as functions, are replaced by their names.
    best_index_ : int
        Index of the best candidate in ``cv_results_``. This attribute and the next two are
        missing if a callable chooses the best candidate, or if there are several metrics
        and ``refit`` named none of them.
    best_params_ : dict
        Hyperparameters of the best candidate.
    best_score_ : float
        Mean cross-validated score of the best candidate.
    n_splits_ : int
        Number of folds.
    multimetric_ : bool
        Whether there are several metrics.
    learning_curves_ : pandas.DataFrame of shape (n_rows, n_columns)
        Learning curves of all fits, with one row for each epoch. Requires pandas.
    timeline_ : pandas.DataFrame of shape (n_rows, 7)
        Start, end and process of each fit. Requires pandas.
    """

    _recorder = NoRecord()
    _may_warn = False

    def __init__(self, storage: Any, search_name: str):
        self.storage, self.search_name = storage, search_name
        with Store(storage, writes=False) as store:
            self._read(store, _find(store, search_name))

    def _read(self, store: Store, search: StoredSearch) -> None:
        settings = search.settings
        self.search_class, self.identity = search.kind, search.identity
        self.versions = settings["versions"]
        self.described_spaces = settings.get("spaces", [])
        self.test_ratio = settings.get("test_ratio", math.nan)
        seed = search.identity.get("random_state")
        self.random_state = store.choices(search).get("random_state", seed)
        self.refit = settings["refit"]
        self.scoring = _no_scorer if settings["has_callable_scoring"] else None
        self.error_score = settings["error_score"]
        self.return_train_score = settings["return_train_score"]
        self.n_repeats, self.n_splits_ = settings["n_repeats"], settings["n_splits"]
        jobs, fits = store.jobs(search), store.fits(search)
        arrived = [job for job in jobs if job.arrived is not None]
        self.n_running = len(jobs) - len(arrived)
        if not arrived:
            raise ValueError(
                f"No candidate of the search {search.name!r} in {str(store.path)!r} has "
                "been evaluated yet."
            )
        self._by_arrival = store.choices(search).get("by_arrival", False)
        self._outcomes: list[tuple[Job, list[Result]]] = []
        self._trained = {}
        for job in sorted(arrived, key=lambda job: job.arrived or 0):
            stored = fits[job.id]
            options = [{"share": fit.share} for fit in stored]
            params = unpack(json.loads(job.params))
            places = [Fit(fit.fold, fit.repeat) for fit in stored]
            self._record(
                Job(job.number, params, places, (), options=options),
                [result_of(fit) for fit in stored],
            )
        results = self.cv_results_ = self._results()
        metrics = metrics_of(results)
        if self.refit is not None and (isinstance(self.refit, str) or len(metrics) == 1):
            self._choose_best(results, self._metric(metrics))
        del self._outcomes

    def fit(self, X: Any, y: Any = None, **params: Any) -> NoReturn:
        """Raise an error: a search that is loaded cannot be fitted.

        Parameters
        ----------
        X, y, **params
            Not used.

        Raises
        ------
        TypeError
            Always. The message says how to continue the search.
        """
        raise TypeError(f"A loaded search cannot be fitted: {self._why_no_estimator()}")

    def score(self, X: Any, y: Any = None, **params: Any) -> NoReturn:
        """Raise an error: a search that is loaded has no fitted estimator.

        Parameters
        ----------
        X, y, **params
            Not used.

        Raises
        ------
        TypeError
            Always. The message says how to continue the search.
        """
        raise TypeError(f"A loaded search cannot score: {self._why_no_estimator()}")

    def __getattr__(self, name: str) -> Any:
        # Python calls this method after `available_if` or a property has raised an error.
        kind = vars(self).get("search_class")  # an unpickled object may have none yet
        message = f"This {kind}, which load_search has read, has no attribute {name!r}."
        if kind is not None and _is_of_estimator(name):
            message = f"A loaded search has no {name}: {self._why_no_estimator()}"
        raise AttributeError(message, name=name, obj=self)

    def _why_no_estimator(self) -> str:
        return (
            f"load_search has read the results of a {self.search_class}, and the storage "
            "does not contain its estimator. To continue the search, make the same "
            f"{self.search_class} with storage={str(self.storage)!r} and "
            f"search_name={self.search_name!r}, and call its fit."
        )

    def __repr__(self) -> str:
        n = len(self.cv_results_["params"])
        return f"<{self.search_class} {self.search_name!r} with {n} candidates>"

    def _sk_visual_block_(self) -> Any:
        return _VisualBlock(
            "single", self, names=f"{self.search_class} (loaded)", name_details=repr(self)
        )

    def __sklearn_tags__(self) -> Any:
        return BaseEstimator.__sklearn_tags__(self)

    def _in_order(self) -> list[tuple[Job, list[Result]]]:
        return self._outcomes if self._by_arrival else super()._in_order()


class _LoadedWithTrainRanks(TrainRanks, LoadedSearch):
    pass


class _LoadedBudget(LoadedSearch, BudgetSearch):
    def _rule(self, n_folds: int, has_epochs: bool) -> BudgetRule:
        raise NotImplementedError("A loaded search proposes no candidates.")


def _is_of_estimator(name: str) -> bool:
    """Return whether a search takes an attribute or method from its estimator."""
    return hasattr(Predicting, name) or name in OF_ESTIMATOR


def _find(store: Store, name: str | None) -> StoredSearch:
    names = store.names()
    if not names:
        raise ValueError(f"There is no search in {str(store.path)!r} yet.")
    if name is None and len(names) > 1:
        raise ValueError(
            f"There are several searches in {str(store.path)!r}. Pass search_name, one of "
            f"{names}."
        )
    found = store.search(names[0] if name is None else name)
    if found is None:
        raise ValueError(
            f"There is no search_name={name!r} in {str(store.path)!r}; there are {names}."
            + did_you_mean(str(name), names)
        )
    return found


def _no_scorer(*args: Any) -> None:
    """Stand in for a callable ``scoring``, whose scores are already known."""
