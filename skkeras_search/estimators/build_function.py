"""Build functions: the users' callables that return a Keras model."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras

from skkeras_search.nearest_name import did_you_mean

# Arguments of a build function that the estimator itself fills in.
MAGIC_ARGUMENTS = ("meta", "compile_kwargs", "params")
# Prefixes of routed parameters, such as "optimizer" in "optimizer__learning_rate".
ROUTING_PREFIXES = (
    "model",
    "fit",
    "compile",
    "predict",
    "optimizer",
    "loss",
    "metrics",
    "callbacks",
    "score",
)

NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class BuildFunction:
    """A build function, with what can be known about it before it is called.

    Parameters
    ----------
    function : callable
        A function, partial, bound method, class or object with ``__call__``.

    Attributes
    ----------
    name : str
        Name of the function in messages.
    arguments : dict
        The function's own arguments, mapped to their defaults. Arguments without a
        default have ``inspect.Parameter.empty``.
    magic : tuple of str
        The names among "meta", "compile_kwargs" and "params" that the function accepts.
    open : bool
        Whether the function accepts any keyword (``**kwargs``).
    """

    def __init__(self, function: Callable[..., keras.Model]):
        self.function = function
        self.name = _name(function)
        parameters = inspect.signature(function).parameters.values()
        named = {p.name: p.default for p in parameters if p.kind in NAMED}
        self.open = any(p.kind is p.VAR_KEYWORD for p in parameters)
        # The **kwargs of a class are meant for its base class.
        told = self.open and not inspect.isclass(function)
        self.magic = tuple(m for m in MAGIC_ARGUMENTS if m in named or told)
        self.arguments = {n: d for n, d in named.items() if n not in MAGIC_ARGUMENTS}

    @property
    def defaults(self) -> dict[str, Any]:
        """The arguments that have a default, mapped to it."""
        empty = inspect.Parameter.empty
        return {n: d for n, d in self.arguments.items() if d is not empty}

    def accepts(self, name: str) -> bool:
        """Whether the function can be called with the keyword ``name``."""
        return self.open or name in self.arguments

    def __call__(self, arguments: Mapping[str, Any]) -> keras.Model:
        """Build the model.

        Parameters
        ----------
        arguments : mapping
            Keyword arguments of the function.

        Returns
        -------
        model : keras.Model
            The model that the function returns.

        Raises
        ------
        TypeError
            If an argument is missing or unknown, or the function does not return a model.
        """
        for name in arguments:
            if name not in self.magic and not self.accepts(name):
                raise TypeError(
                    f"model={self.name} got an unexpected keyword argument {name!r}."
                    + did_you_mean(name, self.arguments)
                )
        missing = set(self.arguments) - set(self.defaults) - set(arguments)
        if missing:
            raise TypeError(
                f"model={self.name} needs a value for {_listed(missing)}. Pass values to "
                f"the estimator, as in {min(missing)}=... What depends on the data is in "
                "the argument `meta` of the function, for example meta['n_features_in_']."
            )
        model = self.function(**arguments)
        if not isinstance(model, keras.Model):
            raise TypeError(
                f"model={self.name} must return a keras.Model, but returned "
                f"{_described(model)}"
            )
        return model


def _name(function: Callable[..., Any]) -> str:
    inner = getattr(function, "func", function)  # of a functools.partial
    return getattr(inner, "__name__", type(inner).__name__)


def _listed(names: set[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))


def _described(value: object) -> str:
    if value is None:
        return "None; does it end in `return model`?"
    return f"an object of type {type(value).__name__}."
