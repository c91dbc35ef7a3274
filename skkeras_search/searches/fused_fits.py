"""Train the fits of a search together, where nobody asked for something else."""

import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from numbers import Integral
from typing import Any

import joblib
from joblib.parallel import LokyBackend, get_active_backend

from skkeras_search.searches.workers import CandidateBackend
from skkeras_search.space import Space
from skkeras_search.space.dimensions import is_estimator


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
    if not (isinstance(backend, LokyBackend) and any(map(has_keras, things))):
        return nullcontext()
    if search.n_jobs is not None:
        n_jobs = search.n_jobs
        if not isinstance(n_jobs, Integral):
            return nullcontext()  # an error, which scikit-learn finds
    if backend.effective_n_jobs(n_jobs) == 1:
        asked = search.n_jobs is not None
        return nullcontext() if asked else joblib.parallel_config("fused")
    return joblib.parallel_config(CandidateBackend(search, backend))


def has_keras(thing: Any) -> bool:
    """Whether something is a Keras estimator, or has one among its parameters."""
    # Whoever made a Keras estimator has imported its module.
    module = sys.modules.get("skkeras_search.estimators.base")
    if module is None:
        return False
    parts = thing.get_params().values() if is_estimator(thing) else ()
    return any(isinstance(part, module.BaseWrapper) for part in (thing, *parts))
