"""Seed every generator a Keras fit draws from, and leave no trace of it."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import keras
import numpy as np
from keras.src.backend.common import global_state  # no public way to restore its seed
from sklearn.utils import check_random_state

from skkeras_search.fusion.backend import waiting_for_none

Result = TypeVar("Result")

MAX_SEED = np.iinfo(np.int32).max
_one_at_a_time = threading.RLock()
KERAS_STATE = ("global_random_seed", "global_seed_generator")


def draw_seed(random_state: int | np.random.RandomState | None) -> int | None:
    """Turn ``random_state`` into the seed of one fit.

    Parameters
    ----------
    random_state : int, RandomState or None
        A ``RandomState`` is read, not advanced: the same instance gives the same
        seed at every fit, and the caller's generator is left as it was.

    Returns
    -------
    int or None
        None if the fit is not seeded.
    """
    if random_state is None or isinstance(random_state, (int, np.integer)):
        check_random_state(random_state)  # refuses what numpy cannot seed with
        return None if random_state is None else int(random_state)
    given = check_random_state(random_state)
    copied = np.random.RandomState()
    copied.set_state(given.get_state())
    return int(copied.randint(MAX_SEED))


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Seed Python, numpy, Keras and TensorFlow for a block, then put all back.

    TensorFlow's op determinism stays as the user left it: on CPU a seeded fit is
    bitwise reproducible without it, and while it is on, every unseeded fit in the
    process raises. Threads take turns, as they share the generators.

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
    """Call a function as in a ``seeded`` block, without what makes that slow.

    To seed TensorFlow is to throw away all its kernels, those of compiled programs
    among them, so that random operations begin anew. Where the function has none, that
    is not needed; where it has, it is called again, seeded in full. (Keras's own
    initializers and layers do not use them.)

    Parameters
    ----------
    function : callable
    seed : int or None
        None changes nothing.
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
    """A seed that knows whether a random operation of TensorFlow's was made with it."""

    was_used = False

    def __mod__(self, other: int) -> int:
        # TensorFlow takes the remainder to fit the seed into 32 bits.
        self.was_used = True
        return int(self) % other


@contextmanager
def _restored() -> Iterator[None]:
    """Put the generators back as they were, and keep other threads from them."""
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
    """Python's generator, in whose place one thread has a generator of its own."""

    thread: int | None = None
    own = random.Random()

    # Another thread may be in one of them when the block ends, and this class is left.

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
    """Have this thread draw from a seeded generator of its own by ``random``, in a block.

    Keras draws the seeds of initializers from Python's generator, and any thread may draw
    in between. Dask's workers do so to estimate sizes.
    """
    random.seed(seed)  # for who holds functions of the generator's own class
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
    # tf.random.set_seed has no counterpart that reads; the eager context holds both
    # the global seed and the generator that numbers the ops created under it.
    try:
        from tensorflow.python.eager import context
    except ImportError:  # another Keras backend, without TensorFlow
        return None
    return context.context()


def _tensorflow_state() -> tuple[Any, Any] | None:
    context = _tensorflow_context()
    return None if context is None else (context._seed, getattr(context, "_rng", None))


def _restore_tensorflow(state: tuple[Any, Any] | None) -> None:
    if state is not None:
        context = _tensorflow_context()
        context._seed, context._rng = state
