"""The programs of the process, the least recently used of which are given up."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Any

import keras

from skkeras_search.fusion.program import Program
from skkeras_search.fusion.signature import signature
from skkeras_search.fusion.step import Batch, NotFusibleError, output_names

MOST_PROGRAMS = 32
MOST_BYTES = 2**28

_programs: OrderedDict[Hashable, Program | str] = OrderedDict()
_lock = threading.RLock()


def program_of(model: keras.Model, batch: Batch) -> Program:
    """Give the program for the architecture of a model.

    Parameters
    ----------
    model : keras.Model
        Built and compiled.
    batch : tuple
        Some rows of data, for their form.

    Returns
    -------
    Program

    Raises
    ------
    NotFusibleError
        If there can be none.
    """
    architecture = signature(model)
    key = (architecture, _form(batch), _names_of_data(model, batch))

    def is_current(example: keras.Model) -> bool:
        current = signature(example) == architecture
        if not current and example is model:
            with _lock:
                _programs.pop(key, None)
        return current

    with _lock:
        if key not in _programs:
            try:
                _programs[key] = Program(model, batch, is_current, architecture.is_foreign)
            except Exception as error:  # of whatever the user's code has in it
                _programs[key] = str(error)
            _evict()
        found = _programs[key]
        _programs.move_to_end(key)
    if isinstance(found, str):
        raise NotFusibleError(found)
    return found


def _evict() -> None:
    def n_bytes() -> int:
        return sum(getattr(program, "n_bytes", 0) for program in _programs.values())

    while len(_programs) > MOST_PROGRAMS or (len(_programs) > 1 and n_bytes() > MOST_BYTES):
        _programs.popitem(last=False)


def _names_of_data(model: keras.Model, batch: Batch) -> Any:
    """Names by which data are given to a model, if they are in dicts."""
    if not any(isinstance(data, dict) for data in batch):
        return None
    inputs = getattr(model, "inputs", None) or ()
    return tuple(tensor.name for tensor in inputs), tuple(output_names(model))


def _form(batch: Batch) -> Any:
    leaves = keras.tree.flatten(batch)
    structure = repr(keras.tree.map_structure(lambda _: None, batch))
    return structure, tuple((leaf.dtype, tuple(leaf.shape[1:])) for leaf in leaves)
