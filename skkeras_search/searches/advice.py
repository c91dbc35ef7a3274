"""What a search with ``verbose`` says at once of settings that make it slow."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sklearn.utils.validation import _num_samples

from skkeras_search.searches.executors import Executor
from skkeras_search.searches.workers import CandidateWorkers

# Rows of a search whose models are probably small.
FEW_ROWS = 10_000


def advice(search: Any, executor: Executor, things: Iterable[Any], X: Any) -> Iterator[str]:
    """Give a line about each setting.

    Parameters
    ----------
    search : estimator
    executor : Executor
        That it has.
    things : iterable of object
        The estimator, and what may stand in the place of a part of it.
    X : array-like
    """
    params = [value for thing in things for value in _params(thing)]
    watches_batches = any(_is_keras_tensorboard(value) for _, value in params)
    if watches_batches:
        yield (
            "The callback TensorBoard of Keras watches batches, so Keras itself trains "
            "each fit, which is slower. To have the whole search in TensorBoard, and fits "
            "trained by compiled programs, use set_callbacks(TensorBoardLogger(...)) of "
            "skkeras_search."
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
        yield (
            f"n_jobs={search.n_jobs} starts worker processes, each of which imports "
            "TensorFlow and compiles its own programs. For small models n_jobs=None is "
            "often several times faster: all fits share programs in this process, on all "
            "cores."
        )


def _params(thing: Any) -> Iterator[tuple[str, Any]]:
    """The parameters of an estimator, and what is in lists and dicts among them."""
    get_params = getattr(thing, "get_params", None)
    if isinstance(thing, type) or get_params is None:
        return
    for name, value in get_params().items():
        several = value.values() if isinstance(value, Mapping) else value
        if isinstance(several, (list, tuple)) or several is not value:
            yield from ((name, one) for one in several)
        else:
            yield name, value


def _is_keras_tensorboard(value: Any) -> bool:
    """Whether something is this callback. Its name spares an import of Keras."""
    kind = value if isinstance(value, type) else type(value)
    return any(
        base.__name__ == "TensorBoard" and base.__module__.startswith("keras.")
        for base in kind.__mro__
    )
