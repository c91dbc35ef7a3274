"""Describe objects by all their parts.

Two objects with equal descriptions have the same parts in the same places, even if one part
occurs in several places. An object with a part that cannot be read has no description.
"""

import copyreg
import hashlib
import random
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from enum import Enum
from functools import partial
from operator import itemgetter
from types import (
    BuiltinFunctionType,
    FunctionType,
    MappingProxyType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np

from skkeras_search.fusion.code import (
    content_of,
    depends_on_the_world,
    is_foreign,
    is_local,
    is_of_keras,
    is_tf_function,
    mentioned,
    references,
)

# Maximum size of an array that is compared by its values.
MOST_BYTES = 2**26
# Maximum number of objects and values to read, which takes 0.2 s. A model with 100 layers
# has 10,000.
MOST_PARTS = 200_000
EXACT = (bool, int, str, bytes, type(None), type(...), type(NotImplemented))
BY_REPR = (float, complex, range, slice)
OF_NUMPY = (np.generic, np.dtype)
# Members of classes that do not affect what a model computes.
NOT_REACHED = {"__doc__", "__module__", "__weakref__", "__dict__", "__annotations__"}
NOT_REACHED |= {"__firstlineno__", "__static_attributes__", "__annotate_func__"}
NOT_REACHED |= {"__abstractmethods__", "_abc_impl", "__slots__", "__orig_bases__"}
# Code that uses one of these names can look up an attribute of any name.
DYNAMIC = {"getattr", "vars", "__dict__", "__getattribute__", "attrgetter", "methodcaller"}
CONTAINERS = (dict, list, tuple, set, frozenset)
MADE_AT_RUN_TIME = 1 << 9  # Py_TPFLAGS_HEAPTYPE
# Methods that Keras calls before a program is traced, or to save a model.
BUILDING = {
    "__init__",
    "build",
    "get_config",
    "from_config",
    "get_build_config",
    "build_from_config",
    "get_compile_config",
    "compile_from_config",
    "save_own_variables",
    "load_own_variables",
    "__repr__",
    "__str__",
    "__reduce__",
    "__getstate__",
    "__setstate__",
}
GENERATORS = (random.Random, np.random.RandomState, np.random.Generator)

Special = Callable[["Description", Any], bool]


class UnreadableError(Exception):
    """Raised for a part that cannot be described; the message has its path."""

    def __init__(self, why: str):
        super().__init__(why)
        self.path: list[str] = []

    def __str__(self) -> str:
        where = ".".join(self.path)
        return f"{where} {self.args[0]}" if where else str(self.args[0])


class Description:
    """Describe one or more objects.

    Parameters
    ----------
    special : callable
        Called with this description and an object. If it describes the object in another
        way, it returns True, otherwise False.
    names : set of str, default=()
        Attribute names that the code read so far can look up. For the users' classes, only
        members with these names, and members that Keras looks up, are read.

    Attributes
    ----------
    tokens : list of hashable
        The description.
    names : set of str
        ``names``, and the names that were found in code.
    is_foreign : bool
        Whether there is code that is not part of Python, Keras, TensorFlow or NumPy.
    """

    def __init__(self, special: Special, names: Iterable[str] = ()):
        self.tokens: list[Any] = []
        self.names = set(names)
        self.is_foreign = False
        self._special = special
        self._before = frozenset(names)
        self._numbers: dict[int, int] = {}
        self._alive: list[Any] = []  # so that no other object gets the id of a read one

    def add(self, *tokens: Hashable) -> None:
        """Add to the description."""
        self.tokens += tokens

    def asks_for(self, name: str) -> bool:
        """Whether code that was read can look up an attribute, or a property for it."""
        return name in self._before or name.lstrip("_") in self._before

    def read(self, value: Any) -> None:
        """Describe an object.

        Raises
        ------
        UnreadableError
            If a part cannot be read, or there are too many parts.
        """
        cls = type(value)
        if cls in EXACT:
            self.tokens += (cls, value)
        elif cls in BY_REPR or (isinstance(value, OF_NUMPY) and is_of_keras(cls)):
            self.tokens += (cls, repr(value))
        elif (number := self._numbers.get(id(value))) is not None:
            self.tokens += ("the", number)  # a part that was read in another place
        else:
            self._numbers[id(value)] = len(self._numbers)
            self._alive.append(value)
            if len(self._numbers) + len(self.tokens) > MOST_PARTS:
                raise UnreadableError("has too many parts to be compared")
            if not self._special(self, value):
                self.is_foreign |= not is_of_keras(value)
                self._read_parts(value)

    def read_items(self, items: Iterable[tuple[Any, Any]]) -> None:
        """Describe named parts."""
        for name, part in items:
            self.read(name)
            try:
                self.read(part)
            except UnreadableError as error:
                error.path.insert(0, str(name))
                raise

    def read_itself(self, value: Any) -> None:
        """Describe an object by its identity, so that it equals no other object."""
        self.tokens.append(_Itself(value))

    def _read_parts(self, value: Any) -> None:
        if isinstance(value, np.ndarray):
            self._read_array(value)
        elif isinstance(value, ModuleType):
            self._read_module(value)
        elif isinstance(value, type):
            self._read_class(value)
        elif isinstance(value, (FunctionType, BuiltinFunctionType, MethodType, partial)):
            self._read_function(value)
        elif is_tf_function(value):
            self.add("tf.function", repr(getattr(value, "function_type", None)))
            self.read_items(_options(value))
        elif isinstance(value, GENERATORS):
            raise UnreadableError("draws random numbers while the program is made")
        elif isinstance(value, Enum):
            self.read(type(value))
            self.add(value.name)
            self.read(value.value)
        else:
            self._read_instance(value)

    def _read_array(self, array: np.ndarray) -> None:
        if array.nbytes > MOST_BYTES:
            raise UnreadableError(f"is an array of {array.nbytes >> 20} MB")
        if type(array) is not np.ndarray:
            self.read(type(array))
            self.read(getattr(array, "__dict__", None))
        self.add("array", array.dtype.str, array.shape)
        if array.dtype.hasobject:
            for item in array.flat:
                self.read(item)
        else:
            self.add(hashlib.sha256(array.tobytes()).digest())

    def _read_module(self, module: ModuleType) -> None:
        """A module, with the members that the code read so far can look up."""
        self.read_itself(module)
        if not is_of_keras(module) or module.__name__.startswith("numpy"):
            names = sorted(self._before & vars(module).keys())
            self.read_items((name, vars(module)[name]) for name in names)

    def _read_function(self, function: Any) -> None:
        if isinstance(function, MethodType):
            self.add("method")
            self.read(function.__func__)
            self.read(function.__self__)
        elif isinstance(function, partial):
            self.add("partial")
            self._read_instance(function)
        elif isinstance(function, BuiltinFunctionType):
            _refuse_the_world(function)
            owner = function.__self__
            if owner is None or isinstance(owner, (ModuleType, type)):
                self.read_itself(function)
            else:
                self.add("method", function.__name__)
                self.read(owner)
        elif is_foreign(function) or is_local(function):
            self._read_code(function)
        else:
            _refuse_the_world(function)
            self.read_itself(function)

    def _read_code(self, function: FunctionType) -> None:
        self.names |= mentioned(function.__code__)
        self.add("function", function.__code__)
        self.read(function.__defaults__)
        self.read(function.__kwdefaults__)
        self.read(vars(function))
        for cell in function.__closure__ or ():
            content = content_of(cell)
            if not isinstance(content, ModuleType):  # used modules are references
                self.read(content)
        if is_foreign(function):
            self.read_items(references(function))

    def _read_class(self, cls: type) -> None:
        if not is_foreign(cls) and not is_local(cls):
            _refuse_the_world(cls)
            self.read_itself(cls)
            return
        self.add("class", cls.__qualname__)
        self.read(type(cls))
        bases = [base for base in cls.__mro__ if base is not object]
        known = [base for base in bases if not (is_foreign(base) or is_local(base))]
        for base in bases:  # also mixins: Keras may call a method that only they define
            if base in known:
                self.read_itself(base)
                continue
            self.add("base", base.__qualname__)
            for name, member in sorted(vars(base).items()):
                if self._is_reached(name, known):
                    self.read(name)
                    self._read_member(member)

    def _is_reached(self, name: str, known: list[type]) -> bool:
        if name in NOT_REACHED or name.startswith("__dataclass"):
            return False
        if known and name in BUILDING and name not in self._before:
            return False
        is_magic = name.startswith("__") and name.endswith("__")
        by_any_name = not self._before.isdisjoint(DYNAMIC)
        asked = is_magic or by_any_name or name in self._before
        return asked or any(hasattr(base, name) for base in known)

    def _read_member(self, member: Any) -> None:
        if type(member) is property:
            self.add("property")
            self.read(member.fget)
            self.read(member.fset)
        elif type(member) in (staticmethod, classmethod):
            self.add(type(member).__name__)
            self.read(member.__func__)
        elif type(member).__name__ in ("member_descriptor", "getset_descriptor"):
            self.add("slot")
        else:
            self.read(member)

    def _read_instance(self, value: Any) -> None:
        cls = type(value)
        if is_foreign(cls) or is_local(cls):
            self.read(cls)
        else:
            self.read_itself(cls)  # its constructor is not called again
        if isinstance(value, CONTAINERS):
            self.add("items", len(value))
            if len(value) > MOST_PARTS:
                raise UnreadableError("has too many parts to be compared")
        if isinstance(value, (dict, MappingProxyType)):
            self.read_items(list(value.items()))
            if isinstance(value, defaultdict):
                self.read(value.default_factory)
        elif isinstance(value, (list, tuple)):
            for item in value:
                self.read(item)
        elif isinstance(value, (set, frozenset)):
            self.add("set", tuple(sorted(map(_by_value, value))))
        elif _has_hidden_state(cls):
            self._read_reduced(value)
        self.read_items(state_of(value))

    def _read_reduced(self, value: Any) -> None:
        """Describe an object by the state that would be pickled."""
        try:
            pickled = copyreg.dispatch_table.get(type(value))
            reduced = pickled(value) if pickled else value.__reduce_ex__(4)
        except Exception as error:  # an object that cannot be pickled may raise any error
            raise UnreadableError(
                f"of type {type(value).__name__} cannot be read"
            ) from error
        if isinstance(reduced, str):
            self.read_itself(value)
            return
        make: Any
        make, *state = reduced
        self.add("reduced", getattr(make, "__qualname__", repr(make)))
        for part in state:
            self.read(list(part) if isinstance(part, Iterator) else part)


class _Itself:
    """A token that equals only the token of the same object, which it keeps alive."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def _refuse_the_world(function: Any) -> None:
    if what := depends_on_the_world(function):
        raise UnreadableError(f"uses {what}, whose result may change from fit to fit")


def _options(function: Any) -> list[tuple[str, Any]]:
    names = ("python_function", "_jit_compile", "_autograph", "_reduce_retracing")
    return [(name, getattr(function, name, None)) for name in names]


def _by_value(item: Any) -> str:
    if type(item) not in (*EXACT, *BY_REPR):
        raise UnreadableError(f"is a set of {type(item).__name__}, which has no order")
    return f"{type(item).__name__} {item!r}"


def state_of(value: Any) -> list[tuple[str, Any]]:
    """The attributes of an object, in the order of their names."""
    slots = [(name, getattr(value, name, None)) for name in _slots(type(value))]
    return sorted([*slots, *getattr(value, "__dict__", {}).items()], key=itemgetter(0))


def _slots(cls: type) -> list[str]:
    found: list[str] = []
    for base in cls.__mro__:
        slots = vars(base).get("__slots__", ())
        names = (slots,) if isinstance(slots, str) else tuple(slots)
        for name in names:
            private = name.startswith("__") and not name.endswith("__")
            found.append(f"_{base.__name__.lstrip('_')}{name}" if private else name)
    return [name for name in found if name not in ("__dict__", "__weakref__")]


def _has_hidden_state(cls: type) -> bool:
    """Whether instances may have a state that is not in their Python attributes."""
    bases = [base for base in cls.__mro__ if base not in (object, *CONTAINERS)]
    if not bases:
        return False
    of_c = any(not base.__flags__ & MADE_AT_RUN_TIME for base in bases)
    names = {name for base in bases for name in vars(base)}
    pointers = 2 + len(_slots(cls))  # 2 for __dict__ and __weakref__
    visible = object.__basicsize__ + pointers * np.dtype(np.intp).itemsize
    is_larger = cls.__basicsize__ > visible and not issubclass(cls, CONTAINERS)
    return of_c or is_larger or names.isdisjoint(("__dict__", "__slots__"))
