"""Find the objects that the code of a function refers to, and the origin of the code."""

import dis
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache, partial
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

# Modules of the standard library whose functions depend on their arguments only.
PURE = {
    *("abc", "array", "bisect", "builtins", "cmath", "collections", "contextlib", "copy"),
    *("copyreg", "dataclasses", "decimal", "enum", "fractions", "functools", "heapq"),
    *("inspect", "itertools", "json", "logging", "math", "numbers", "operator", "pprint"),
    *("re", "statistics", "string", "struct", "textwrap", "types", "typing", "warnings"),
}
IMPURE_BUILTINS = {"input", "eval", "exec", "open", "globals", "locals", "__import__"}
KERAS = {"builtins", "keras", "tensorflow", "numpy"}
_installed = tuple(
    sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib", "platstdlib")
)

# A dotted name in a function, and the object that it refers to.
Reference = tuple[str, Any]


def is_foreign(thing: Any) -> bool:
    """Whether a function, class, module or the class of an object is the user's own code.

    Code of installed packages does not change during the process, so it is compared by
    identity.
    """
    return _is_foreign(_root(thing))


def is_of_keras(thing: Any) -> bool:
    """Whether ``thing`` is part of Python, Keras, TensorFlow or NumPy."""
    root = _root(thing)
    return root in KERAS or (root != "__main__" and root in sys.stdlib_module_names)


def _root(thing: Any) -> str:
    """The package of a function, class or module, or of the class of an object."""
    if isinstance(thing, MethodType):
        return _root(thing.__func__)
    if isinstance(thing, partial):
        return _root(thing.func)
    if is_tf_function(thing):
        return _root(thing.python_function)
    if isinstance(thing, ModuleType):
        return thing.__name__.partition(".")[0]
    if isinstance(thing, FunctionType):  # functools.wraps replaces its `__module__`
        return str(thing.__globals__.get("__name__", "__main__")).partition(".")[0]
    made_by = thing if isinstance(thing, type) else type(thing)
    return str(made_by.__module__).partition(".")[0]


@lru_cache(maxsize=4096)
def _is_foreign(root: str) -> bool:
    if root == "__main__":
        return True
    if root in KERAS or root == "skkeras_search" or root in sys.stdlib_module_names:
        return False
    path = getattr(sys.modules.get(root), "__file__", None)
    paths = [path] if path else list(getattr(sys.modules.get(root), "__path__", ()))
    return not any(str(path).startswith(_installed) for path in paths)


def is_tf_function(thing: Any) -> bool:
    """Whether ``thing`` is a ``tf.function``."""
    # Asked of the type: a user's object may have any attribute.
    return hasattr(type(thing), "python_function")


def is_local(thing: Any) -> bool:
    """Whether a function or class is defined inside a function.

    Each call of the outer function may make a different one.
    """
    return "<locals>" in thing.__qualname__


def depends_on_the_world(function: Any) -> str | None:
    """The name of a function or class of Python that depends on more than its arguments.

    None if the function is not of this kind.
    """
    module = str(getattr(function, "__module__", None) or "builtins")
    root = module.partition(".")[0]
    name = getattr(function, "__name__", "")
    if root == "builtins":
        return name if name in IMPURE_BUILTINS else None
    if root not in sys.stdlib_module_names or root in PURE:
        return None
    return None if root.startswith("_") and root.lstrip("_") in PURE else f"{module}.{name}"


@lru_cache(maxsize=4096)
def mentioned(code: CodeType) -> frozenset[str]:
    """Attribute names that a function, or a function defined inside it, can look up."""
    names = {*code.co_names, *code.co_freevars}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= mentioned(constant)
        elif isinstance(constant, str):  # for getattr
            names.add(constant)
    return frozenset(names)


def references(function: FunctionType) -> list[Reference]:
    """Find the objects outside a function that it refers to.

    Parameters
    ----------
    function : function
        The function.

    Returns
    -------
    found : list of (str, object)
        Dotted names such as ``"SCALE"``, ``"np.random.rand"`` and
        ``"package.module.NAME"``, with the objects that they refer to. Names are followed
        through modules, but no further. Modules that the function imports are included.
    """
    code = function.__code__
    cells = dict(zip(code.co_freevars, function.__closure__ or (), strict=True))
    builtins = function.__globals__.get("__builtins__", {})
    builtins = vars(builtins) if isinstance(builtins, ModuleType) else builtins
    found: dict[str, Any] = {}
    for kind, name, *attributes in _chains(code):
        if kind == "import":
            value = sys.modules.get(name)
            root = name.partition(".")[0]
            found[root] = sys.modules.get(root)
        elif kind == "cell":
            value = content_of(cells[name]) if name in cells else None
            if not isinstance(value, ModuleType):
                continue  # a cell that is read elsewhere, or a variable of the function
        else:
            value = function.__globals__.get(name, builtins.get(name))
        dotted = name
        for attribute in attributes:
            if not isinstance(value, ModuleType) or not hasattr(value, attribute):
                break
            value, dotted = getattr(value, attribute), f"{dotted}.{attribute}"
        found[dotted] = value
    return sorted(found.items())


def content_of(cell: CellType) -> Any:
    """The value of a variable of an enclosing function; ``...`` if it has none yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return ...


@lru_cache(maxsize=4096)
def _chains(code: CodeType) -> tuple[tuple[str, ...], ...]:
    """Each global, cell or imported name in the code, with the attributes after it."""
    return tuple(dict.fromkeys(_found_chains(code)))


def _found_chains(code: CodeType) -> Iterator[tuple[str, ...]]:
    chain: list[str] = []
    for instruction in dis.get_instructions(code):
        name = instruction.opname
        if chain and name in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM"):
            chain.append(instruction.argval)
            if name == "IMPORT_FROM":  # more names of the same module may follow
                yield tuple(chain)
                chain.pop()
            continue
        if chain and name in ("STORE_FAST", "STORE_DEREF") and chain[0] == "import":
            if len(chain) == 2:
                yield tuple(chain)
            continue
        if chain:
            yield tuple(chain)
        kinds = {"LOAD_GLOBAL": "global", "LOAD_NAME": "global", "LOAD_DEREF": "cell"}
        kinds["IMPORT_NAME"] = "import"
        kind = kinds.get(name)
        chain = [kind, instruction.argval] if kind else []
    if chain:
        yield tuple(chain)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _chains(constant)
