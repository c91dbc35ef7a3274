"""Seed all random generators that a Keras fit uses, and restore them afterwards."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import keras
import numpy as np
from keras.src.backend.common import global_state  # the seed is not public
from sklearn.utils import check_random_state

from skkeras_search.fusion.backend import waiting_for_none

Result = TypeVar("Result")

MAX_SEED = np.iinfo(np.int32).max
_one_at_a_time = threading.RLock()
KERAS_STATE = ("global_random_seed", "global_seed_generator")


def draw_seed(random_state: int | np.random.RandomState | None) -> int | None:
    """Convert ``random_state`` to the seed of one fit.

    Parameters
    ----------
    random_state : int, RandomState or None
        A ``RandomState`` is not advanced: the same instance gives the same seed in every
        fit.

    Returns
    -------
    seed : int or None
        None if the fit is not seeded.
    """
    if random_state is None or isinstance(random_state, (int, np.integer)):
        check_random_state(random_state)  # raises an error for an invalid seed
        return None if random_state is None else int(random_state)
    given = check_random_state(random_state)
    copied = np.random.RandomState()
    copied.set_state(given.get_state())
    return int(copied.randint(MAX_SEED))


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Seed Python, numpy, Keras and TensorFlow in a block, and restore them afterwards.

    TensorFlow's op determinism is not changed. On CPU a seeded fit is bitwise reproducible
    without it, and while it is enabled, every unseeded fit in the process raises an error.
    Threads share the generators, so one thread at a time can be in such a block.

    Parameters
    ----------
    seed : int or None
        None changes nothing.
    """
    if seed is None:
        yield
        return
    with _restored():
        keras.utils.set_random_seed(seed)
        yield


def call_seeded(function: Callable[[], Result], seed: int | None) -> Result:
    """Call a function as in a ``seeded`` block, but faster.

    When TensorFlow is seeded, it discards all its kernels, including those of compiled
    programs, to restart the random operations. This is not needed if the function uses no
    random operations of TensorFlow. (Keras's own initializers and layers do not use them.)
    If the function does use some, it is called a second time in a ``seeded`` block.

    Parameters
    ----------
    function : callable
        Called without arguments, once or twice.
    seed : int or None
        None changes nothing.

    Returns
    -------
    result : object
        The result of the function.
    """
    if seed is None:
        return function()
    context = _tensorflow_context()
    if context is None:
        with seeded(seed), _own_python_generator(seed):
            return function()
    with _restored(), _own_python_generator(seed):
        global_state.set_global_attribute("global_random_seed", seed)
        global_state.set_global_attribute("global_seed_generator", None)
        np.random.seed(seed)  # noqa: NPY002
        watched = _WatchedSeed(seed)
        context._seed, context._rng = watched, random.Random(seed)
        result = function()
        if not watched.was_used:
            return result
    with seeded(seed), _own_python_generator(seed):
        return function()


class _WatchedSeed(int):
    """A seed that records whether a random operation of TensorFlow has used it."""

    was_used = False

    def __mod__(self, other: int) -> int:
        # TensorFlow takes this remainder to fit the seed into 32 bits.
        self.was_used = True
        return int(self) % other


@contextmanager
def _restored() -> Iterator[None]:
    """Restore the generators after a block, during which other threads wait for them."""
    with _one_at_a_time, waiting_for_none():
        keras_state = {key: global_state.get_global_attribute(key) for key in KERAS_STATE}
        python_state = random.getstate()
        numpy_state = np.random.get_state()  # noqa: NPY002
        tensorflow_state = _tensorflow_state()
        try:
            yield
        finally:
            for key, value in keras_state.items():
                global_state.set_global_attribute(key, value)
            random.setstate(python_state)
            np.random.set_state(numpy_state)  # noqa: NPY002
            _restore_tensorflow(tensorflow_state)


class _ByThread(random.Random):
    """Python's generator, with another generator for one thread."""

    thread: int | None = None
    own = random.Random()

    # Another thread may be in one of these methods when the class is replaced at the end
    # of the block, so they do not use super().

    def random(self) -> float:
        return random.Random.random(_generator_here(self))

    def getrandbits(self, k: int, /) -> int:
        return random.Random.getrandbits(_generator_here(self), k)

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        return random.Random.gauss(_generator_here(self), mu, sigma)

    def seed(self, *args: Any, **kwargs: Any) -> None:
        random.Random.seed(_generator_here(self), *args, **kwargs)

    def getstate(self) -> tuple[Any, ...]:
        return random.Random.getstate(_generator_here(self))

    def setstate(self, state: tuple[Any, ...]) -> None:
        random.Random.setstate(_generator_here(self), state)


def _generator_here(generator: random.Random) -> random.Random:
    is_other = threading.get_ident() != _ByThread.thread
    return generator if is_other else _ByThread.own


@contextmanager
def _own_python_generator(seed: int) -> Iterator[None]:
    """Let this thread draw from a seeded generator of its own in a block.

    Keras draws the seeds of initializers from Python's generator, and other threads may
    draw from it at the same time. Dask's workers do this to estimate sizes.
    """
    random.seed(seed)  # for code that has imported functions of ``random`` before
    generator: Any = random._inst
    cls, before = type(generator), (_ByThread.thread, _ByThread.own)
    names = ("random", "getrandbits", "gauss", "seed", "getstate", "setstate")
    functions = {name: getattr(random, name) for name in names}
    _ByThread.thread, _ByThread.own = threading.get_ident(), random.Random(seed)
    generator.__class__ = _ByThread
    for name in names:
        setattr(random, name, getattr(generator, name))
    try:
        yield
    finally:
        for name, function in functions.items():
            setattr(random, name, function)
        generator.__class__ = cls
        _ByThread.thread, _ByThread.own = before


def _tensorflow_context() -> Any:
    # There is no public function that reads the seed. The eager context has the global
    # seed and the generator that numbers the operations created with it.
    try:
        from tensorflow.python.eager import context
    except ImportError:  # another Keras backend, and TensorFlow is not installed
        return None
    return context.context()


def _tensorflow_state() -> tuple[Any, Any] | None:
    context = _tensorflow_context()
    return None if context is None else (context._seed, getattr(context, "_rng", None))


def _restore_tensorflow(state: tuple[Any, Any] | None) -> None:
    if state is not None:
        context = _tensorflow_context()
        context._seed, context._rng = state
