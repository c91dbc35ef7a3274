"""Convert the state of a paused fit to plain values, which are stored without pickles."""

import io
import pickle
from typing import Any, NamedTuple

import keras
import numpy as np

from skkeras_search.fusion.pause import Pause
from skkeras_search.record.plain import JSON, pack, unpack

# The functions by which Keras's own callbacks compare scores.
COMPARISONS = {
    "keras.ops.less": keras.ops.less,
    "keras.ops.greater": keras.ops.greater,
    "numpy.less": np.less,
    "numpy.greater": np.greater,
}


class _Part(NamedTuple):
    """A reference to a part of the model or to a callback."""

    position: int


def as_plain(pause: Pause) -> tuple[JSON, list[np.ndarray]]:
    """Convert the state of a paused fit to plain values.

    Parameters
    ----------
    pause : Pause
        The state.

    Returns
    -------
    document : JSON
        The state without its arrays.
    arrays : list of ndarray
        The arrays of the state.

    Raises
    ------
    TypeError
        If the callbacks contain an object that is not plain, such as a function.
    """
    unpickler = _Unpickler(io.BytesIO(pause.callbacks))
    callbacks = [unpickler.load(), unpickler.load()]  # their names and their states
    arrays: list[np.ndarray] = []
    document = pack(
        {**pause._asdict(), "callbacks": callbacks}, arrays, special=_name_of_special
    )
    return document, arrays


def of_plain(document: JSON, arrays: list[np.ndarray]) -> Pause:
    """Convert plain values back to the state of a paused fit.

    Parameters
    ----------
    document : JSON
        The document that ``as_plain`` returned.
    arrays : list of ndarray
        The arrays that ``as_plain`` returned.

    Returns
    -------
    pause : Pause
        The state.
    """
    fields = unpack(document, arrays, _special_of_name)
    file = io.BytesIO()
    pickler = _Pickler(file)
    for part in fields["callbacks"]:
        pickler.dump(part)
    return Pause(**{**fields, "callbacks": file.getvalue()})


def _name_of_special(value: Any) -> JSON:
    if isinstance(value, _Part):
        return value.position
    return next((name for name, one in COMPARISONS.items() if one is value), None)


def _special_of_name(packed: JSON) -> Any:
    return COMPARISONS[packed] if isinstance(packed, str) else _Part(packed)


class _Unpickler(pickle.Unpickler):
    """Read bytes that this process, or one of its workers, has just pickled."""

    def persistent_load(self, position: Any) -> _Part:
        return _Part(position)


class _Pickler(pickle.Pickler):
    def persistent_id(self, value: Any) -> int | None:
        return value.position if isinstance(value, _Part) else None
