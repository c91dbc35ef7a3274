"""Write the code that creates an estimator."""

import builtins
import functools
import importlib
import inspect
import keyword
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

WIDTH = 88
PLAIN = (type(None), bool, int, str, bytes, range, slice, type(...))
# Arrays with more elements are not written.
MOST_ELEMENTS = 100
BRACKETS: dict[type, str] = {list: "[]", tuple: "()", set: "{}"}


@dataclass
class Call:
    """An expression in brackets.

    Attributes
    ----------
    opening, closing : str
        Text up to and including the opening bracket, and the closing bracket.
    parts : list of (str, expression)
        Elements, each with the text before it, such as ``"C="``.
    """

    opening: str
    closing: str
    parts: list[tuple[str, Any]]

    def in_one_line(self) -> str:
        """Return the expression in one line."""
        parts = [before + _in_one_line(part) for before, part in self.parts]
        only = "," if self.opening == "(" and len(parts) == 1 else ""
        return f"{self.opening}{', '.join(parts)}{only}{self.closing}"


@dataclass
class Writer:
    """Convert values to expressions, and collect the names that the expressions need.

    Attributes
    ----------
    imports : dict of str to set of str
        Imported names by modules. The key "" holds the modules that are imported whole.
    names : dict of str to object
        Objects by the names that the code uses for them, without builtins.
    undefined : dict of str to object
        Objects that cannot be written as code, by the names that replace them.
    """

    imports: dict[str, set[str]] = field(default_factory=dict)
    names: dict[str, Any] = field(default_factory=dict)
    undefined: dict[str, Any] = field(default_factory=dict)

    def expression(self, value: Any, hint: str) -> Any:
        """Return an expression for a value.

        Parameters
        ----------
        value : object
            Value to write.
        hint : str
            Name that replaces the value if it cannot be written as code.

        Returns
        -------
        str or Call
        """
        if type(value) in PLAIN:
            return _plain(value)
        if type(value) is float:
            return repr(value) if math.isfinite(value) else f'float("{value!r}")'
        if isinstance(value, (np.bool_, np.number, np.str_)):
            return self.expression(value.item(), hint)
        if type(value) in BRACKETS and value != set():
            return self._sequence(value, hint)
        if type(value) is dict:
            items = [
                (
                    f"{_in_one_line(self.expression(k, hint))}: ",
                    self.expression(v, _word(k, hint)),
                )
                for k, v in value.items()
            ]
            return Call("{", "}", items)
        if type(value) is functools.partial:
            return self._partial(value, hint)
        if isinstance(value, np.ndarray) and _is_short(value) and self._binds("np", np):
            self.imports.setdefault("", set()).add("numpy as np")
            values = self.expression(value.tolist(), hint)
            return Call(
                "np.array(", ")", [("", values), ("dtype=", _plain(value.dtype.name))]
            )
        if isinstance(value, (type, FunctionType, BuiltinFunctionType, np.ufunc)):
            return self._imported(value) or self._placeholder(value, hint)
        if hasattr(value, "get_params"):
            return self._estimator(value, hint)
        if hasattr(value, "get_config") and not hasattr(value, "layers"):  # a Keras object
            return self._of_keras(value, hint)
        return self._placeholder(value, hint)

    def _sequence(self, values: Any, hint: str) -> Call:
        opening, closing = tuple(BRACKETS[type(values)])
        ordered = sorted(values, key=repr) if type(values) is set else values
        return Call(opening, closing, [("", self._item(v, hint)) for v in ordered])

    def _item(self, value: Any, hint: str) -> Any:
        """Return an expression for an element, which may be a named pipeline step."""
        if type(value) is tuple and len(value) > 1 and isinstance(value[0], str):
            parts = [("", _plain(value[0]))]
            parts += [("", self.expression(v, _word(value[0], hint))) for v in value[1:]]
            return Call("(", ")", parts)
        return self.expression(value, hint)

    def _partial(self, value: Any, hint: str) -> Any:
        name = self._imported(functools.partial)
        if name is None:
            return self._placeholder(value, hint)
        given = [("", value.func), *(("", argument) for argument in value.args)]
        named = [(f"{name}=", argument) for name, argument in value.keywords.items()]
        parts = [(before, self.expression(v, hint)) for before, v in (*given, *named)]
        return Call(f"{name}(", ")", parts)

    def _estimator(self, estimator: Any, hint: str) -> Any:
        name = self._imported(type(estimator))
        if name is None:
            return self._placeholder(estimator, hint)
        params = _needed(estimator)
        parts = [(f"{n}=", self.expression(v, n)) for n, v in params.items() if _is_name(n)]
        odd = {n: v for n, v in params.items() if not _is_name(n)}
        if odd:
            parts.append(("**", self.expression(odd, hint)))
        return Call(f"{name}(", ")", parts)

    def _of_keras(self, value: Any, hint: str) -> Any:
        name = self._imported(type(value))
        if name is None:
            return self._placeholder(value, hint)
        config = value.get_config()
        return Call(f"{name}.from_config(", ")", [("", self.expression(config, hint))])

    def _imported(self, value: Any) -> str | None:
        """Import a class or function, and return its name, or None if this fails."""
        name = getattr(value, "__qualname__", getattr(value, "__name__", ""))
        if not all(map(_is_name, name.split("."))):
            return None
        for module in _modules(value):
            if _found(module, name) is value:
                return name if module == "builtins" else self._import(module, name)
        return None

    def _import(self, module: str, name: str) -> str | None:
        """Import a name, or the whole module if the name is in use for another object."""
        first, package = name.partition(".")[0], module.partition(".")[0]
        if self._binds(first, _found(module, first)):
            self.imports.setdefault(module, set()).add(first)
            return name
        if self._binds(package, importlib.import_module(package)):
            self.imports.setdefault("", set()).add(module)
            return f"{module}.{name}"
        return None

    def _binds(self, name: str, value: Any) -> bool:
        """Reserve a name for a value; return False if it is in use for another object."""
        return not hasattr(builtins, name) and self.names.setdefault(name, value) is value

    def _placeholder(self, value: Any, hint: str) -> str:
        of_class = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(value).__name__).lower()
        is_function = isinstance(value, (FunctionType, type))
        own = value.__name__ if is_function else of_class
        name = next(filter(_is_name, (str(own), hint.rpartition("__")[2])), "value")
        number, numbered = 1, name
        while not self._binds(numbered, value):
            number += 1
            numbered = f"{name}_{number}"
        self.undefined[numbered] = value
        return numbered


def source_of(estimator: Any, name: str = "estimator") -> str:
    """Write the code that creates an estimator with the same parameters.

    Parameters
    ----------
    estimator : estimator
        Estimator to write.
    name : str, default="estimator"
        Name of the variable.

    Returns
    -------
    str
        Code. It runs if all parameters are plain values, estimators, or functions and
        classes that can be imported. Any other value is replaced by a name, which a comment
        asks the reader to define.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> print(source_of(SVC(C=2.0)))
    from sklearn.svm import SVC
    <BLANKLINE>
    estimator = SVC(C=2.0)
    """
    writer = Writer()
    expression = writer.expression(estimator, name)
    return _program(writer, f"{name} = {_written(expression, 0, len(name) + 3)}")


def source_of_parameters(params: Mapping[str, Any]) -> str:
    """Write the code that sets the parameters of an unknown estimator."""
    writer = Writer()
    expression = writer.expression(dict(params), "params")
    return _program(
        writer,
        f"params = {_written(expression, 0, 9)}\n"
        "# estimator is the estimator that was passed to the search:\n"
        "estimator.set_params(**params)",
    )


def _program(writer: Writer, code: str) -> str:
    """Add imports, and comments about undefined names, before the code."""
    head = list(_import_lines(writer.imports))
    head += [f"# Define {name}: {_about(v)}" for name, v in writer.undefined.items()]
    return "\n".join([*head, "", code] if head else [code])


def _import_lines(imports: Mapping[str, set[str]]) -> Iterator[str]:
    for module, names in sorted(imports.items()):
        if module:
            yield f"from {module} import {', '.join(sorted(names))}"
        else:
            yield from (f"import {name}" for name in sorted(names))


def _written(expression: Any, indent: int, before: int) -> str:
    """Write an expression in one line, or in several if it is too long."""
    text = _in_one_line(expression)
    if isinstance(expression, str) or indent + before + len(text) < WIDTH:
        return text
    inner = " " * (indent + 4)
    lines = [
        f"{inner}{name}{_written(part, indent + 4, len(name) + 1)},"
        for name, part in expression.parts
    ]
    if not lines:
        return text
    return "\n".join([expression.opening, *lines, " " * indent + expression.closing])


def _plain(value: Any) -> str:
    text = repr(value)
    is_simple = isinstance(value, str) and text.startswith("'") and '"' not in text
    return f'"{text[1:-1]}"' if is_simple else text


def _in_one_line(expression: Any) -> str:
    return expression if isinstance(expression, str) else expression.in_one_line()


def _needed(estimator: Any) -> dict[str, Any]:
    """Return the parameters that must be passed to the constructor: no defaults."""
    params = estimator.get_params(deep=False)
    signature = inspect.signature(type(estimator)).parameters
    given = {
        name: params[name]
        for name, parameter in signature.items()
        if name in params and not _is_same(params[name], parameter.default)
    }
    try:
        made = type(estimator)(**given).get_params(deep=False)
    except Exception:  # the constructor checks its parameters; pass all of them
        return params
    # A parameter may depend on others, like the arguments of a build function.
    more = {n: v for n, v in params.items() if not (n in made and _is_same(v, made[n]))}
    return given | more


def _is_same(value: Any, other: Any) -> bool:
    if value is other:
        return True
    if type(value) is not type(other):
        return False
    if isinstance(value, float) and math.isnan(value):
        return math.isnan(other)
    if isinstance(value, (list, tuple)):
        return len(value) == len(other) and all(map(_is_same, value, other))
    return type(value) in (*PLAIN, float, dict) and repr(value) == repr(other)


def _modules(value: Any) -> Iterator[str]:
    """Yield modules that may contain a class or function, the most public first."""
    module = getattr(value, "__module__", None) or "numpy"  # a ufunc has no module
    if module == "__main__":
        return
    parts = module.split(".")
    public = [part for part in parts if part != "src"]  # Keras has private keras.src
    for names in (public, parts):
        yield from (".".join(names[: n + 1]) for n in range(len(names)))


def _found(module: str, name: str) -> Any:
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return None
    return found


def _is_short(array: np.ndarray) -> bool:
    return array.size <= MOST_ELEMENTS and array.dtype.kind in "biufU"


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


def _word(key: Any, hint: str) -> str:
    return key if isinstance(key, str) else hint


def _about(value: Any) -> str:
    """Describe, in one line, an object that cannot be written as code."""
    if isinstance(value, (FunctionType, type)):
        what = "class" if isinstance(value, type) else "function"
        text = f"the {what} {value.__qualname__} of {value.__module__}"
    else:
        text = f"an instance of {type(value).__module__}.{type(value).__qualname__}"
    return " ".join(text.split())
