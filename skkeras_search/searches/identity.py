"""The identity of a search, as words and hashes: everything that its results depend on.

It is the same in every process, so that a storage recognizes the search that it belongs to.
"""

import functools
import hashlib
import io
import logging
import os
import random
import re
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Integral
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from skkeras_search.fusion.code import content_of, is_foreign, references
from skkeras_search.space.dimensions import Dimension, is_estimator
from skkeras_search.space.space import Space

PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), slice, range)
# Parameters of estimators that do not change the results.
OF_SPEED = {"n_jobs", "verbose", "pre_dispatch"}
# Types of objects that differ between processes and do not affect the results.
OF_THE_WORLD: tuple[type, ...] = (logging.Logger, io.IOBase, os._Environ, weakref.ref)
OF_THE_WORLD += (threading.Thread, threading.Condition, type(threading.Lock()))
OF_THE_WORLD += (type(threading.RLock()),)
# Longer texts are truncated in messages.
MOST_CHARACTERS = 60
# Parameters of searches that do not change the results, or that are compared otherwise.
NOT_COMPARED = {
    *("estimator", "cv", "scoring", "refit", "n_jobs", "pre_dispatch", "verbose", "iid"),
    *("storage", "search_name", "resume", "random_state", "n_points", "n_retries"),
    *("fit_params", "fit_timeout"),
}


def identity_of(search: Any, evaluation: Any) -> dict[str, str]:
    """Describe everything that the results of a search depend on.

    Parameters
    ----------
    search : BaseSearchCV
        The search.
    evaluation : Evaluation
        The evaluation of the search.

    Returns
    -------
    dict of str to str
        Descriptions by the names of parameters, and of the arguments of ``fit``.
    """
    params = search.get_params(deep=False)
    found = {"search": type(search).__name__, "estimator": hash_of(search.estimator)}
    for name, value in sorted(search.estimator.get_params().items()):
        if name.rpartition("__")[2] in OF_SPEED:
            continue
        found[f"estimator__{name}"] = describe(_without_parts(value))
    for name in sorted(params.keys() - NOT_COMPARED):
        found |= _entries(name, params[name])
    found |= _entries("scoring", search.scoring)
    if isinstance(search.refit, str):  # the metric to maximize
        found["refit"] = describe(search.refit)
    if isinstance(params.get("random_state"), (Integral, np.random.RandomState)):
        found["random_state"] = describe(params["random_state"])
    for name, value in (("X", evaluation.X), ("y", evaluation.y)):
        found[name] = describe(value)
    found["folds of cv"] = f"{len(evaluation.folds)} folds {hash_of(evaluation.folds)}"
    for kind in ("fit", "score"):
        for name, value in sorted(getattr(evaluation, f"{kind}_params").items()):
            found[f"{kind} parameter {name}"] = describe(value)
    return found


def describe(value: Any) -> str:
    """Describe a value: by its text if it is short, otherwise by its type and a hash."""
    shape = getattr(value, "shape", None)
    if type(value) in PLAIN or _is_short_and_plain(value):
        text = repr(value)
        if len(text) <= MOST_CHARACTERS:
            return text
    if isinstance(value, Dimension):
        return f"{_first_line(repr(value))} {hash_of(value)}"
    if isinstance(value, (FunctionType, type)):
        return f"{value.__qualname__} {hash_of(value)}"
    of_shape = f" of shape {tuple(shape)}" if isinstance(shape, tuple) else ""
    return f"{type(value).__name__}{of_shape} {hash_of(value)}"


def hash_of(value: Any) -> str:
    """Return a hash of a value, in parentheses."""
    digest = _Digest()
    digest.add(value)
    return f"({digest.hash.hexdigest()[:12]})"


def _entries(name: str, value: Any) -> dict[str, str]:
    """Describe a parameter, by its keys if it is a space or a list of spaces."""
    if isinstance(value, Space):
        value = value.dimensions
    if isinstance(value, Mapping):
        parts = list(value.items())
    elif isinstance(value, list) and any(isinstance(v, (Mapping, Space)) for v in value):
        parts = list(enumerate(value))
    else:
        return {name: describe(value)}
    found: dict[str, str] = {}
    for key, part in parts:
        found |= _entries(f"{name}[{key!r}]", part)
    return found


def _is_short_and_plain(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(type(item) in PLAIN for item in value)
    return isinstance(value, np.number)


def _first_line(text: str) -> str:
    """Return the beginning of a text, without memory addresses."""
    text = re.sub(r" at 0x\w+", "", text)
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."


def _without_parts(value: Any) -> Any:
    """Return an estimator without its parameters, which are described separately."""
    if is_estimator(value):
        return type(value)
    if isinstance(value, (list, tuple)):
        return [_without_parts(item) for item in value]
    return value


class _Digest:
    """A hash of all parts of values."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self._known: dict[int, str] = {}
        self._alive: list[Any] = []  # objects by ``id``, which must not be reused

    def add(self, value: Any) -> None:
        """Add a value."""
        if type(value) in PLAIN:
            self._tokens(type(value).__name__, repr(value))
            return
        if id(value) not in self._known:
            self._alive.append(value)
            self._known[id(value)] = "around"  # in case the value contains itself
            outer, self.hash = self.hash, hashlib.sha256()
            self._add_parts(value)
            self._known[id(value)], self.hash = self.hash.hexdigest(), outer
        self._tokens(self._known[id(value)])

    def _tokens(self, *tokens: str) -> None:
        for token in tokens:
            content = token.encode(errors="surrogatepass")
            self.hash.update(f"{len(content)}:".encode() + content)

    def _add_all(self, kind: str, values: Iterable[Any]) -> None:
        self._tokens(kind)
        for value in values:
            self.add(value)
        self._tokens("end")

    def _add_parts(self, value: Any) -> None:
        if isinstance(value, type):
            self._add_class(value)
        elif isinstance(value, OF_THE_WORLD):
            self._tokens(_name(type(value)), str(getattr(value, "name", "")))
        elif isinstance(value, np.ma.MaskedArray):
            self._add_all("masked", (value.filled(), np.ma.getmaskarray(value)))
        elif isinstance(value, (np.ndarray, np.generic)):
            self._add_array(np.asarray(value))
        elif sparse.issparse(value):
            value = value.tocsr()
            self._add_all("sparse", (value.shape, value.data, value.indices, value.indptr))
        elif hasattr(value, "to_numpy") and hasattr(value, "index"):  # pandas
            self._add_frame(value)
        elif isinstance(value, (list, tuple)):
            self._add_sequence(value)
        elif isinstance(value, Mapping):
            self._add_all(
                _name(type(value)), (part for item in value.items() for part in item)
            )
        elif isinstance(value, (set, frozenset)):
            self._tokens("set", *sorted(map(hash_of, value)))
        elif isinstance(value, ModuleType):
            self._tokens("module", value.__name__)
        elif isinstance(value, CodeType):
            self._add_code(value)
        elif isinstance(value, FunctionType):
            self._add_function(value)
        elif isinstance(value, MethodType):
            self._add_all("method", (value.__func__, value.__self__))
        elif isinstance(value, BuiltinFunctionType):
            self._tokens("builtin", str(value.__module__), value.__qualname__)
        elif isinstance(value, functools.partial):
            self._add_all("partial", (value.func, value.args, value.keywords))
        elif hasattr(value, "dist") and hasattr(value, "kwds"):  # scipy.stats
            self._add_all("distribution", (type(value.dist), value.args, value.kwds))
        elif value is check_random_state(None):
            self._tokens("the random numbers of numpy")
        elif value is random._inst:
            self._tokens("the random numbers of Python")
        elif isinstance(value, np.random.RandomState):
            self._add_all("RandomState", value.get_state(legacy=False).items())
        elif isinstance(value, np.random.Generator):
            self._add_all("Generator", value.bit_generator.state.items())
        elif (array := _as_array(value)) is not None:
            self._add_array(array)
        else:
            self._add_instance(value)

    def _add_sequence(self, values: list[Any] | tuple[Any, ...]) -> None:
        numbers = _numbers_of_one_type(values)
        if numbers is None:
            self._add_all(_name(type(values)), values)
        else:  # a hundred times faster than one by one
            self._tokens(_name(type(values)), "of", type(values[0]).__name__)
            self._add_array(numbers)

    def _add_array(self, array: np.ndarray) -> None:
        self._tokens("array", array.dtype.str, str(array.shape))
        if array.dtype.hasobject:
            for item in array.flat:
                self.add(item)
        else:
            for rows in _in_parts(array):
                self.hash.update(rows.tobytes())

    def _add_frame(self, frame: Any) -> None:
        self._tokens(type(frame).__name__)
        self.add(frame.index.to_numpy())
        columns = frame.items() if hasattr(frame, "columns") else [(frame.name, frame)]
        for name, column in columns:
            self.add(name)
            self._tokens(str(column.dtype))
            self.add(column.to_numpy())

    def _add_code(self, code: CodeType) -> None:
        self._tokens("code", code.co_code.hex(), *code.co_names, *code.co_varnames)
        self._add_all("constants", code.co_consts)

    def _add_function(self, function: FunctionType) -> None:
        self._tokens("function", function.__qualname__)
        if not is_foreign(function) and "<locals>" not in function.__qualname__:
            self._tokens(str(function.__module__))
            return
        self._add_code(function.__code__)
        self.add(function.__defaults__)
        self.add(function.__kwdefaults__)
        self._add_all("cells", map(content_of, function.__closure__ or ()))
        for name, thing in references(function):
            self._tokens(name)
            self.add(thing)

    def _add_class(self, cls: type) -> None:
        self._tokens("class", _name(cls))
        for base in cls.__mro__:
            if is_foreign(base):
                for name, member in sorted(vars(base).items()):
                    member = getattr(member, "__func__", getattr(member, "fget", member))
                    is_plain = _is_constant(member) and not name.startswith("__")
                    if is_plain or isinstance(member, FunctionType):
                        self._tokens(name)
                        self.add(member)

    def _add_instance(self, value: Any) -> None:
        self.add(type(value))
        if is_estimator(value):
            params = value.get_params(deep=False)
            given = {name: params[name] for name in params.keys() - OF_SPEED}
            self._add_all("parameters", _sorted(given))
        elif isinstance(value, Space):
            self._add_all("dimensions", _sorted(value.dimensions))
        elif hasattr(value, "get_config") and not isinstance(value, type):
            self._add_keras(value)
        elif state := _state(value):
            self._add_all("attributes", _sorted(state))
        else:
            words = repr(value)
            self._tokens("" if f"{id(value):x}" in words else words)

    def _add_keras(self, value: Any) -> None:
        from skkeras_search.fusion.identity import as_written  # imports Keras

        try:
            config = value.get_config()
        except Exception:  # in a class of the user
            config = None
        self.add(as_written(config))
        weights = value.get_weights() if hasattr(value, "get_weights") else []
        self._add_all("weights", weights)


def _is_constant(value: Any) -> bool:
    if type(value) in (tuple, frozenset):
        return all(map(_is_constant, value))
    return type(value) in PLAIN


def _numbers_of_one_type(values: Sequence[Any]) -> np.ndarray | None:
    kinds = set(map(type, values))
    if len(kinds) != 1 or not kinds <= {bool, int, float}:
        return None
    array = np.array(values)
    return None if array.dtype.hasobject else array  # large integers make an object array


def _as_array(value: Any) -> np.ndarray | None:
    if not hasattr(value, "__array__"):
        return None
    try:
        return np.asarray(value)
    except Exception:  # such as a Keras tensor, which has no values
        return None


def _in_parts(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield an array in parts of some rows, as each part is copied."""
    if not array.size or not array.ndim:
        yield array
        return
    n = max(1, int(len(array) * 2**24 / array.nbytes))
    for first in range(0, len(array), n):
        yield array[first : first + n]


def _state(value: BaseEstimator) -> Mapping[str, Any]:
    state = value.__getstate__() if hasattr(value, "__getstate__") else None
    if isinstance(state, tuple):
        if not all(part is None or isinstance(part, Mapping) for part in state):
            return {"state": state}
        state = {name: part for some in state if some for name, part in some.items()}
    return state if isinstance(state, Mapping) else getattr(value, "__dict__", {})


def _sorted(parts: Mapping[str, Any]) -> Iterator[Any]:
    for name in sorted(parts):
        yield name
        yield parts[name]


def _name(cls: type) -> str:
    """Return the name of a class, without its module for a class of the user.

    Such a class may be written in a notebook first, and moved to a module later.
    """
    return cls.__qualname__ if is_foreign(cls) else f"{cls.__module__}.{cls.__qualname__}"
