"""Functions, classes and objects from outside Keras, by what decides their behaviour.

Two of them with equal fingerprints compute the same. Of what cannot be read, the
fingerprint is the object itself, which equals no other.
"""

import inspect
from collections.abc import Hashable, Iterable
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import keras
import numpy as np

PRIMITIVES = (
    int,
    float,
    complex,
    str,
    bytes,
    bool,
    type(None),
    type(...),
    np.generic,
    np.dtype,
)
LIBRARIES = ("keras", "tensorflow", "numpy", "builtins")
KERAS_OBJECTS = (keras.Layer, keras.Loss, keras.Metric, keras.Optimizer, keras.Variable)


def is_foreign(thing: Any) -> bool:
    """Whether a function, or the class of an object, is not of Keras or TensorFlow."""
    made_by = thing if isinstance(thing, (FunctionType, type)) else type(thing)
    return str(made_by.__module__).split(".")[0] not in LIBRARIES


def fingerprint(value: Any, seen: frozenset[int] = frozenset()) -> Hashable:
    """Describe ``value`` by what it is made of.

    Parameters
    ----------
    value : object
    seen : frozenset of int
        Identities of what is being described already.

    Returns
    -------
    hashable
    """
    if isinstance(value, PRIMITIVES):
        return type(value).__name__, repr(value)
    if id(value) in seen:
        return "itself"
    seen |= {id(value)}
    if isinstance(value, dict):
        return "dict", _all(_sorted(value), seen)
    if isinstance(value, (list, tuple)):
        return "list", _all(value, seen)
    if isinstance(value, (set, frozenset)):
        return "set", _all(sorted(value, key=repr), seen)
    if isinstance(value, np.ndarray) and value.dtype != object:
        return "array", value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, MethodType):
        return (
            "method",
            fingerprint(value.__func__, seen),
            fingerprint(value.__self__, seen),
        )
    if isinstance(value, partial):
        return "partial", _all((value.func, value.args, value.keywords), seen)
    if isinstance(value, FunctionType) and is_foreign(value):
        return _of_function(value, seen)
    if isinstance(value, type) and is_foreign(value):
        return _of_class(value, seen)
    if isinstance(value, KERAS_OBJECTS):
        return type(value).__qualname__  # its config and its variables are in the signature
    if type(value).__module__.startswith("keras.") and not isinstance(value, type):
        config = value.get_config() if hasattr(value, "get_config") else None
        return type(value).__qualname__, fingerprint(config, seen)
    return _Itself(value)


def of_part(part: Any) -> Hashable:
    """Fingerprint of a layer, loss or metric whose class is foreign."""
    own = {
        name: value
        for name, value in vars(part).items()
        if name not in _names_of_keras(part) and not isinstance(value, KERAS_OBJECTS)
    }
    return fingerprint(type(part)), fingerprint(own)


class _Itself:
    """An object that equals only itself, and is kept so that its id stays its own."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def _all(values: Iterable[Any], seen: frozenset[int]) -> Hashable:
    return tuple(fingerprint(value, seen) for value in values)


def _sorted(items: dict[Any, Any]) -> list[Any]:
    return sorted(items.items(), key=lambda item: repr(item[0]))


def _of_function(function: FunctionType, seen: frozenset[int]) -> Hashable:
    try:
        outside = inspect.getclosurevars(function)
    except ValueError:  # a variable of the enclosing function has no value yet
        return _Itself(function)
    used = {**outside.globals, **outside.nonlocals}
    used = {name: value for name, value in used.items() if not _is_library(value)}
    code = function.__code__
    constants = tuple(repr(constant) for constant in code.co_consts)
    return (
        "function",
        (code.co_code, code.co_names, constants, _nested(code)),
        _all((function.__defaults__, function.__kwdefaults__), seen),
        _all(_sorted(used), seen),
    )


def _nested(code: Any) -> Hashable:
    """Code of the functions that are defined inside a function."""
    inner = [constant for constant in code.co_consts if inspect.iscode(constant)]
    return tuple((c.co_code, c.co_names, repr(c.co_consts), _nested(c)) for c in inner)


def _of_class(cls: type, seen: frozenset[int]) -> Hashable:
    members = {
        name: getattr(value, "__func__", getattr(value, "fget", value))
        for name, value in vars(cls).items()
        if name not in ("__dict__", "__weakref__", "__doc__", "__module__")
    }
    bases = tuple(fingerprint(base, seen) for base in cls.__bases__)
    return cls.__qualname__, bases, _all(_sorted(members), seen)


def _is_library(value: Any) -> bool:
    if isinstance(value, (ModuleType, BuiltinFunctionType)):
        return True
    return isinstance(value, (FunctionType, type)) and not is_foreign(value)


def _names_of_keras(part: Any) -> set[str]:
    base = keras.Layer() if isinstance(part, keras.Layer) else None
    names = set(vars(base)) if base is not None else {"name"}
    return names | {"built", "name", "_name", "_build_shapes_dict"}
