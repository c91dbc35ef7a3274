"""Functions, classes and objects from outside Keras, by what decides their behaviour.

Two of them with equal fingerprints compute the same. Of what cannot be read, the
fingerprint is the object itself, which equals no other.
"""

import sys
from collections.abc import Hashable, Iterable
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

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
LIBRARIES = {
    *sys.stdlib_module_names,
    *("keras", "tensorflow", "numpy", "scipy", "sklearn", "pandas", "joblib", "optree"),
} - {"__main__"}
# They are in a model's config, or among its variables.
PARTS_OF_MODELS = (keras.Layer, keras.Optimizer, keras.Variable)


def is_foreign(thing: Any) -> bool:
    """Whether a function, or the class of an object, is not of Keras or TensorFlow."""
    if isinstance(thing, MethodType):
        return is_foreign(thing.__func__)
    if isinstance(thing, partial):
        return is_foreign(thing.func)
    if hasattr(thing, "python_function"):  # a tf.function
        return is_foreign(thing.python_function)
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
    if isinstance(value, FunctionType):
        return _of_function(value, seen) if is_foreign(value) else _Itself(value)
    if isinstance(value, type) and is_foreign(value):
        return _of_class(value, seen)
    if isinstance(value, tf.Tensor) and hasattr(value, "numpy"):
        return "tensor", fingerprint(value.numpy(), seen)
    if hasattr(value, "python_function"):
        return "tf.function", fingerprint(value.python_function, seen)
    if isinstance(value, (type, ModuleType, keras.Variable)) or _is_builtin(value):
        return _Itself(value)
    return _of_object(value, seen)


def of_part(part: Any) -> Hashable:
    """Describe what the config of a layer, loss or metric may not tell.

    Those are what it holds from outside Keras, and tensors; of a foreign one all that
    it has set on itself.
    """
    all_of_it = is_foreign(part)
    ours = _names_of_keras(part) if all_of_it else set()
    told = {
        name: value
        for name, value in getattr(part, "__dict__", {}).items()
        if name not in ours
        and not isinstance(value, PARTS_OF_MODELS)
        and (all_of_it or isinstance(value, (np.ndarray, tf.Tensor)) or is_foreign(value))
    }
    return fingerprint(type(part)) if all_of_it else None, fingerprint(told)


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


def _of_object(value: Any, seen: frozenset[int]) -> Hashable:
    cls = fingerprint(type(value), seen) if is_foreign(value) else type(value).__qualname__
    by_config = not is_foreign(value) and hasattr(value, "get_config")
    if by_config and not isinstance(value, keras.Loss):  # whose config is not complete
        return cls, fingerprint(value.get_config(), seen)
    if isinstance(value, keras.Loss) or is_foreign(value):
        own = getattr(value, "__dict__", {}).items()
        kept = {
            name: item
            for name, item in own
            if name not in ("name", "_name") and not isinstance(item, keras.Variable)
        }
        return (cls, fingerprint(kept, seen)) if kept else (cls, _Itself(value))
    return cls if type(value).__module__.startswith("keras.") else _Itself(value)


def _of_function(function: FunctionType, seen: frozenset[int]) -> Hashable:
    code = function.__code__
    names = _names(code)
    used: dict[str, Any] = {}
    for name in names & function.__globals__.keys():
        value = function.__globals__[name]
        if isinstance(value, ModuleType) and not _is_library(value):
            used |= {f"{name}.{n}": getattr(value, n) for n in names if hasattr(value, n)}
        else:
            used[name] = value
    try:
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError:  # a variable of the enclosing function has no value yet
        return _Itself(function)
    return (
        "function",
        _of_code(code),
        _all((function.__defaults__, function.__kwdefaults__), seen),
        _all(_sorted({n: v for n, v in used.items() if not _is_library(v)}), seen),
        _all((cell for cell in cells if not _is_library(cell)), seen),
    )


def _of_code(code: CodeType) -> Hashable:
    inner = tuple(_of_code(c) for c in code.co_consts if isinstance(c, CodeType))
    constants = tuple(repr(c) for c in code.co_consts if not isinstance(c, CodeType))
    return code.co_code, code.co_names, code.co_freevars, constants, inner


def _names(code: CodeType) -> set[str]:
    """Names that a function, and those defined inside it, look up."""
    inner = (_names(c) for c in code.co_consts if isinstance(c, CodeType))
    return set(code.co_names).union(*inner)


def _of_class(cls: type, seen: frozenset[int]) -> Hashable:
    members = {
        name: getattr(value, "__func__", getattr(value, "fget", value))
        for name, value in vars(cls).items()
        if name not in ("__dict__", "__weakref__", "__doc__", "__module__")
    }
    bases = tuple(fingerprint(base, seen) for base in cls.__bases__)
    return cls.__qualname__, bases, _all(_sorted(members), seen)


def _is_library(value: Any) -> bool:
    if isinstance(value, ModuleType):
        return value.__name__.split(".")[0] in LIBRARIES
    if _is_builtin(value):
        return True
    return isinstance(value, (FunctionType, type)) and not is_foreign(value)


def _is_builtin(value: Any) -> bool:
    """Whether a function has no Python code."""
    return isinstance(value, BuiltinFunctionType)


def _names_of_keras(part: Any) -> set[str]:
    base = keras.Layer() if isinstance(part, keras.Layer) else None
    names = set(vars(base)) if base is not None else {"name"}
    return names | {"built", "name", "_name", "_build_shapes_dict"}
