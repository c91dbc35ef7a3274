"""What a search with ``verbose`` prints at its start about settings that make it slow."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sklearn.utils.validation import _num_samples

from skkeras_search.searches.callbacks import is_of_keras
from skkeras_search.searches.executors import Executor
from skkeras_search.searches.keras_step import foreign_keras
from skkeras_search.searches.workers import CandidateWorkers

# With at most this many rows, models are assumed to be small.
FEW_ROWS = 10_000


def advice(search: Any, executor: Executor, things: Iterable[Any], X: Any) -> Iterator[str]:
    """Yield a line about each setting that makes the search slow.

    Parameters
    ----------
    search : estimator
        The search.
    executor : Executor
        The executor of the search.
    things : iterable of object
        The estimator, and the choices that may replace a part of it.
    X : array-like
        The training rows.

    Yields
    ------
    str
        Advice to print.
    """
    things = list(things)
    params = [value for thing in things for value in _params(thing)]
    parts = [*things, *(value for _, value in params)]
    for theirs, ours in dict.fromkeys(filter(None, map(foreign_keras, parts))):
        yield (
            f"{theirs} trains each fit by itself. Fits of skkeras_search's {ours} share "
            "compiled programs, which is faster for small models. To use this class: "
            f"from skkeras_search import {ours}."
        )
    watches_batches = any(is_of_keras(value, "TensorBoard") for _, value in params)
    if watches_batches:
        yield (
            "Keras's callback TensorBoard watches single batches, so Keras itself trains "
            "each fit, which is slower. To see the whole search in TensorBoard while "
            "compiled programs train the fits, use skkeras_search.TensorBoardLogger: "
            "search.set_callbacks(TensorBoardLogger(...))."
        )
    is_keras_wanted = watches_batches or any(
        name.rpartition("__")[2] == "engine" and value == "keras"
        for name, value in params
        if isinstance(value, str)
    )
    has_keras_workers = isinstance(executor, CandidateWorkers) and any(
        name.rpartition("__")[2] == "engine" for name, _ in params
    )
    if has_keras_workers and not is_keras_wanted and _num_samples(X) <= FEW_ROWS:
        if search.n_jobs is None:
            setting, default = "The active joblib.parallel_config block", "without it"
        else:
            setting, default = f"n_jobs={search.n_jobs}", "with the default, n_jobs=None"
        yield (
            f"{setting} starts worker processes. Each of them imports TensorFlow and "
            "compiles its own programs, so a search over small models is usually slower "
            f"than {default}: all fits then share compiled programs in this process and "
            "use all cores."
        )


def _params(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield the parameters of an estimator, with the elements of lists and dicts."""
    get_params = getattr(thing, "get_params", None)
    if isinstance(thing, type) or get_params is None:
        return
    for name, value in get_params().items():
        several = value.values() if isinstance(value, Mapping) else value
        if isinstance(several, (list, tuple)) or several is not value:
            yield from ((name, one) for one in several)
        else:
            yield name, value
