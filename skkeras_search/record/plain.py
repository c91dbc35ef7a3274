"""Plain values as JSON and arrays, so that reading them runs no code."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

JSON = Any  # a value that ``json.dumps`` accepts
ITSELF = (type(None), bool, int, float, str)


def pack(
    value: Any,
    arrays: list[np.ndarray] | None = None,
    special: Callable[[Any], JSON] = lambda value: None,
) -> JSON:
    """Convert a value to JSON.

    Parameters
    ----------
    value : None, bool, int, float, str, bytes, list, tuple, dict, array or scalar of numpy
        The value. Containers may be nested.
    arrays : list of ndarray, default=None
        Receives the arrays, to which the document refers by position. None refuses arrays.
    special : callable, default=None
        Returns JSON for other values, or None for values that it does not know.

    Returns
    -------
    JSON

    Raises
    ------
    TypeError
        If the value has another type.
    """

    def pack_one(value: Any) -> JSON:
        if type(value) in ITSELF:
            return value
        if arrays is None and isinstance(value, np.generic):
            value = value.tolist()
            if type(value) in ITSELF:
                return value
        if isinstance(value, (np.ndarray, np.generic)) and arrays is not None:
            if value.dtype.kind in "biufcSU":
                arrays.append(np.asarray(value))
                kind = "array" if isinstance(value, np.ndarray) else "scalar"
                return {kind: len(arrays) - 1}
        if type(value) is list:
            return [pack_one(item) for item in value]
        if type(value) is tuple:
            return {"tuple": [pack_one(item) for item in value]}
        if type(value) is dict:
            return {"dict": [[pack_one(k), pack_one(v)] for k, v in value.items()]}
        if type(value) is bytes:
            return {"bytes": base64.b64encode(value).decode()}
        packed = special(value)
        return _refuse(value) if packed is None else {"special": packed}

    return pack_one(value)


def unpack(
    document: JSON,
    arrays: list[np.ndarray] | None = None,
    special: Callable[[JSON], Any] = lambda packed: packed,
) -> Any:
    """Convert JSON from ``pack`` back to the value.

    Parameters
    ----------
    document : JSON
        The result of ``pack``.
    arrays : list of ndarray, default=None
        The arrays that ``pack`` has added to its list.
    special : callable, default=None
        Returns a value for the JSON that the ``special`` of ``pack`` returned.

    Returns
    -------
    object
    """

    def unpack_one(packed: JSON) -> Any:
        if isinstance(packed, list):
            return [unpack_one(item) for item in packed]
        if not isinstance(packed, Mapping):
            return packed
        ((kind, content),) = packed.items()
        if kind == "tuple":
            return tuple(map(unpack_one, content))
        if kind == "dict":
            return {unpack_one(k): unpack_one(v) for k, v in content}
        if kind == "bytes":
            return base64.b64decode(content)
        if kind in ("array", "scalar"):
            array = (arrays or [])[content]
            return array if kind == "array" else array[()]
        return special(content)

    return unpack_one(document)


def _refuse(value: Any) -> JSON:
    raise TypeError(
        f"{type(value).__name__} is not plain data, such as numbers and text: {value!r}"
    )
