"""What the searches do for Keras estimators: fits that train together, folds by class."""

import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from numbers import Integral
from typing import Any, Self

import joblib
from joblib.parallel import LokyBackend, get_active_backend
from sklearn.base import is_classifier

from skkeras_search.searches.folds import FoldsByClass, is_made_here, is_one_hot
from skkeras_search.searches.workers import CandidateBackend
from skkeras_search.space import Space
from skkeras_search.space.dimensions import is_estimator


class FusedSearch:
    """A search of scikit-learn whose fits are trained together."""

    estimator: Any
    cv: Any
    _checked_cv_orig: Any

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Search for the best candidate, and fit the estimator with it.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
        **params
            Passed to the ``fit`` of the estimator, or routed as metadata.

        Returns
        -------
        self
        """
        with fused_by_default(self, self._estimators()):
            return super().fit(X, y, **params)  # type: ignore[misc]

    def _estimators(self) -> list[Any]:
        """The estimator, and what may stand in the place of a part of it."""
        return [self.estimator, *self._choices()]

    def _choices(self) -> Iterable[Any]:
        return ()

    def _check_input_parameters(self, X: Any, y: Any, split_params: Any) -> None:
        # scikit-learn calls it as soon as there is a splitter.
        super()._check_input_parameters(X, y, split_params)  # type: ignore[misc]
        is_of_keras = is_classifier(self.estimator) and any(
            map(_has_keras, self._estimators())
        )
        if is_of_keras and is_one_hot(y):
            cv = self.cv if is_made_here(self.cv) else self._checked_cv_orig
            self._checked_cv_orig = FoldsByClass(cv, y)


def as_list(spaces: Any) -> list[Mapping[str, Any]]:
    """Give the dicts of what is taken as one space or as several."""
    several = spaces if isinstance(spaces, list) else [spaces]
    for space in several:
        if not isinstance(space, (Mapping, Space)):
            raise TypeError(f"A space must be a dict, a Space or a list, got {space!r}.")
    return [space.dimensions if isinstance(space, Space) else space for space in several]


def choices_of(space: Mapping[str, Any]) -> list[Any]:
    """The elements of the lists in a space, and the categories of its dimensions."""
    lists = [getattr(given, "categories", given) for given in space.values()]
    return [choice for some in lists if isinstance(some, (list, tuple)) for choice in some]


def fused_by_default(search: Any, things: Iterable[Any]) -> AbstractContextManager[Any]:
    """Choose the joblib backend for a block.

    Where one of ``things`` is a Keras estimator, or has one among its parameters, and
    nobody chose a backend, all fits train together in this process, or those of a
    candidate in a worker if there are several workers.

    Parameters
    ----------
    search : estimator
        With ``n_jobs``, and ``n_splits_`` once its fits begin.
    things : iterable of object
    """
    backend, n_jobs = get_active_backend()
    if not (isinstance(backend, LokyBackend) and any(map(_has_keras, things))):
        return nullcontext()
    if search.n_jobs is not None:
        n_jobs = search.n_jobs
        if not isinstance(n_jobs, Integral):
            return nullcontext()  # an error, which scikit-learn finds
    if backend.effective_n_jobs(n_jobs) == 1:
        asked = search.n_jobs is not None
        return nullcontext() if asked else joblib.parallel_config("fused")
    return joblib.parallel_config(CandidateBackend(search, backend))


def _has_keras(thing: Any) -> bool:
    # Whoever made a Keras estimator has imported its module.
    module = sys.modules.get("skkeras_search.estimators.base")
    if module is None:
        return False
    parts = thing.get_params().values() if is_estimator(thing) else ()
    return any(isinstance(part, module.BaseWrapper) for part in (thing, *parts))
