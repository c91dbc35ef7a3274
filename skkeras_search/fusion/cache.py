"""A cache of the fused programs of the process, which drops the least recently used."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from skkeras_search.fusion.program import Program
from skkeras_search.fusion.signature import Signature, family, signature
from skkeras_search.fusion.step import Batch, NotFusibleError, output_names
from skkeras_search.fusion.time_limit import wait_for
from skkeras_search.fusion.widths import slowdown

MOST_PROGRAMS = 32
MOST_BYTES = 2**28
# Approximate seconds for a trace, for a batch, and for one arithmetic operation of a batch.
# They are constants and not measured, so that a search always uses the same programs.
TO_TRACE, A_BATCH, AN_OPERATION = 0.25, 1e-4, 5e-11
# Approximate number of further fits with the same widths, for other folds and parameters.
MORE_FITS = 5
MOST_FAMILIES = 256

_programs: OrderedDict[Hashable, Program | str] = OrderedDict()
# For each family, the key of its first model.
_first: OrderedDict[Hashable, Hashable] = OrderedDict()
_lock = threading.RLock()


class Place(NamedTuple):
    """The place of a program in the cache.

    Attributes
    ----------
    key : tuple of hashable
        The description of the models that the program trains, and the form of the data.
    describe : callable
        Makes the description of a model.
    """

    key: tuple[Any, ...]
    describe: Callable[[keras.Model], Signature | None]

    @property
    def is_for_any_width(self) -> bool:
        """Whether the program trains models with layers of any width."""
        return self.describe is family


def place_of(model: keras.Model, batch: Batch, n_batches: int = 0) -> Place:
    """Choose between a program for one architecture and one for any width of its layers.

    The first model of a family has a program for its own widths, which is faster. The other
    models of the family share a program for any width, except those that train for so long
    that tracing a program of their own takes less time.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.
    batch : tuple
        Some rows of data, as an example of their form.
    n_batches : int
        Number of batches that the model will train.

    Returns
    -------
    place : Place
        The place of the program.

    Raises
    ------
    NotFusibleError
        If the model cannot be described.
    """
    form = _form(batch), _names_of_data(model, batch)
    own = Place((signature(model), *form), signature)
    wait_for(_lock)
    with _lock:
        if own.key in _programs:
            return own
    of_family = family(model)
    if of_family is None or _pays_to_trace(model, batch, n_batches):
        return own
    shared = Place((of_family, *form), family)
    with _lock:
        first = _first.setdefault(shared.key, own.key)
        _first.move_to_end(shared.key)
        if len(_first) > MOST_FAMILIES:
            _first.popitem(last=False)
    failed = isinstance(_programs.get(shared.key), str)
    return own if failed or first == own.key else shared


def program_at(place: Place, model: keras.Model, batch: Batch) -> Program:
    """Return the program in a place of the cache; make it if there is none.

    Parameters
    ----------
    place : Place
        The place for ``model``.
    model : keras.Model
        Built and compiled.
    batch : tuple
        Some rows of data, as an example of their form.

    Returns
    -------
    program : Program
        The program.

    Raises
    ------
    NotFusibleError
        If the program cannot be made.
    """
    wait_for(_lock)
    with _lock:
        found = _programs.get(place.key)
        if found is None:
            found = _programs[place.key] = _make(place, model, batch)
            _evict()
        else:
            _programs.move_to_end(place.key)
        if isinstance(found, str) and place.is_for_any_width:
            return program_at(place_of(model, batch), model, batch)
    if isinstance(found, str):
        raise NotFusibleError(found)
    return found


def program_of(model: keras.Model, batch: Batch, n_batches: int = 0) -> Program:
    """Return the program for a model: ``place_of`` and ``program_at`` in one call."""
    return program_at(place_of(model, batch, n_batches), model, batch)


def _pays_to_trace(model: keras.Model, batch: Batch, n_batches: int) -> bool:
    n_rows = len(keras.tree.flatten(batch)[0])
    n_weights = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    seconds = A_BATCH + AN_OPERATION * 6 * n_rows * n_weights
    lost = slowdown(model) * seconds * n_batches * (1 + MORE_FITS)
    return lost > TO_TRACE


def _make(place: Place, model: keras.Model, batch: Batch) -> Program | str:
    """Make a program from ``model``, or return a string with the reason why it fails."""

    def is_current(example: keras.Model) -> bool:
        current = place.describe(example) == place.key[0]
        if not current and example is model:
            with _lock:
                _programs.pop(place.key, None)
        return current

    any_width = place.is_for_any_width
    try:
        made = Program(model, batch, is_current, place.key[0].is_foreign, any_width)
        if any_width:  # if this fails, each width has a program of its own
            rows = keras.tree.map_structure(tf.convert_to_tensor, batch)
            sizes = (keras.tree.flatten(rows)[0].shape[0], 0)
            made.prepare(made.initial_state(model), rows, sizes, None, stop_on_nan=False)
    except Exception as error:  # the user's code may raise any error
        return str(error)
    return made


def _evict() -> None:
    def n_bytes() -> int:
        return sum(getattr(program, "n_bytes", 0) for program in _programs.values())

    while len(_programs) > MOST_PROGRAMS or (len(_programs) > 1 and n_bytes() > MOST_BYTES):
        _programs.popitem(last=False)


def _names_of_data(model: keras.Model, batch: Batch) -> Any:
    """The names of inputs and outputs, if the data are in dicts."""
    if not any(isinstance(data, dict) for data in batch):
        return None
    inputs = getattr(model, "inputs", None) or ()
    return tuple(tensor.name for tensor in inputs), tuple(output_names(model))


def _form(batch: Batch) -> Any:
    leaves = keras.tree.flatten(batch)
    structure = repr(keras.tree.map_structure(lambda _: None, batch))
    return structure, tuple((leaf.dtype, tuple(leaf.shape[1:])) for leaf in leaves)
