"""Build functions that declare their hyperparameters, as in KerasTuner."""

import inspect
from collections.abc import Callable, Container
from typing import Any

import keras

from skkeras_search.estimators.build_function import (
    MAGIC_ARGUMENTS,
    ROUTING_PREFIXES,
    BuildFunction,
)
from skkeras_search.estimators.seeding import call_seeded
from skkeras_search.estimators.tensorflow_memory import forget_kernels
from skkeras_search.fusion.metric_names import metrics_named_anew
from skkeras_search.nearest_name import did_you_mean
from skkeras_search.space.discovery import Declared, discover
from skkeras_search.space.hyperparameters import DeclarationError, HyperParameters

# Parameters of an estimator whose names no hyperparameter can have.
RESERVED = ("model", "build_fn")


def is_hypermodel(given: Any) -> bool:
    """Whether ``given`` is an instance of KerasTuner's ``HyperModel``."""
    return any(
        cls.__name__ == "HyperModel" and cls.__module__.partition(".")[0] == "keras_tuner"
        for cls in type(given).__mro__
    )


def declares(given: Any, valued: Container[str] = ()) -> bool:
    """Whether ``given`` declares hyperparameters when it builds a model.

    A ``HyperModel`` does, and so does a function whose first parameter is called ``hp``
    and has no default, or is annotated as ``HyperParameters``.

    Parameters
    ----------
    given : object
        A possible build function.
    valued : container of str
        Names of the parameters for which the estimator has values. A function whose first
        parameter is one of them declares nothing.

    Returns
    -------
    bool
    """
    if is_hypermodel(given):
        return True
    if not callable(given) or isinstance(given, keras.Model):
        return False
    try:
        parameters = list(inspect.signature(given).parameters.values())
    except (TypeError, ValueError):  # some built-in functions have no signature
        return False
    if not parameters or parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        return False
    first = parameters[0]
    if first.name in valued:
        return False
    annotation = first.annotation
    written = (
        annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    )
    is_called_hp = first.name == "hp" and first.default is first.empty
    return is_called_hp or written.split(".")[-1] == "HyperParameters"


class DeclaringFunction(BuildFunction):
    """A build function that declares its hyperparameters.

    Parameters
    ----------
    given : callable or keras_tuner.HyperModel
        The function.
    declared : Declared
        What the function declares, as ``declared_by`` returns it.

    Attributes
    ----------
    arguments : dict
        The hyperparameters and the arguments of the function other than ``hp``, mapped to
        their defaults.
    """

    def __init__(self, given: Any, declared: Declared):
        self.given = given
        self.name = _name(given)
        self.function = self._build
        self.magic, self.open = (), False
        self.declared = declared
        self.arguments = {**_own_arguments(given), **declared.defaults}

    def training_arguments(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments that ``HyperModel.fit`` passes to ``Model.fit``.

        Parameters
        ----------
        values : dict
            Hyperparameter names and values.

        Returns
        -------
        arguments : dict
            Empty if ``given`` is not a ``HyperModel`` with its own ``fit``.
        """
        if not _has_own_fit(self.given):
            return {}
        return _arguments_of_fit(self.given, HyperParameters(values))

    def _build(self, /, **arguments: Any) -> Any:
        defaults = self.declared.defaults
        hp = HyperParameters({n: v for n, v in arguments.items() if n in defaults})
        own = {n: v for n, v in arguments.items() if n not in defaults}
        return _builder(self.given)(hp, **own)


def declared_by(given: Any) -> Declared:
    """Find out which hyperparameters a function or ``HyperModel`` declares.

    Some models are built for this, and discarded.

    Parameters
    ----------
    given : callable or keras_tuner.HyperModel
        The function.

    Returns
    -------
    declared : Declared
        The hyperparameters, their defaults and their space.

    Raises
    ------
    TypeError
        If the function has an argument whose value is known only in ``fit``.
    DeclarationError
        If the declarations do not form a space, or the function fails for the defaults.
    """
    for name, default in _own_arguments(given).items():
        if name in MAGIC_ARGUMENTS:
            raise TypeError(
                f"model={_name(given)} has the arguments hp and {name}. It is called to "
                f"find its hyperparameters before there are data, when {name} is not known "
                f"yet. Either remove {name} (a model without an Input layer learns the "
                "shape of its inputs in fit), or remove hp and pass the space to the "
                "search."
            )
        if default is inspect.Parameter.empty:
            raise TypeError(
                f"model={_name(given)} has the arguments hp and {name!r}, and {name!r} has "
                f"no default. Bind a value, as in functools.partial({_name(given)}, "
                f"{name}=...)."
            )

    def call(hp: HyperParameters) -> None:
        with metrics_named_anew():
            call_seeded(lambda: _builder(given)(hp), seed=0)
        if _has_own_fit(given):
            _arguments_of_fit(given, hp)

    try:
        found = discover(given, call)
    except DeclarationError as error:
        raise DeclarationError(f"model={_name(given)}: {error}") from error
    except Exception as error:
        raise DeclarationError(
            f"model={_name(given)} was called to find its hyperparameters, before there "
            f"are data, and raised {type(error).__name__}: {error}. The function must "
            "build a model from the default values, without data. If its first parameter "
            "does not declare hyperparameters, pass a value to the estimator, as in hp=..."
        ) from error
    finally:
        forget_kernels()
    _check_names(given, found)
    return found


def _check_names(given: Any, found: Declared) -> None:
    for name in found.defaults:
        prefix, routed, rest = name.partition("__")
        if name in RESERVED or (routed and prefix in ROUTING_PREFIXES):
            other = f"{prefix}_{rest or 'type'}"
            raise DeclarationError(
                f"model={_name(given)} declares a hyperparameter {name!r}, which is also a "
                f"parameter of the estimator. Use another name, such as {other!r}."
            )


def _builder(given: Any) -> Callable[..., Any]:
    builder: Callable[..., Any] = given.build if is_hypermodel(given) else given
    return builder


def _own_arguments(given: Any) -> dict[str, Any]:
    """The arguments of a function other than ``hp``."""
    if is_hypermodel(given):
        return {}
    parameters = list(inspect.signature(given).parameters.values())[1:]
    variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {p.name: p.default for p in parameters if p.kind not in variadic}


def _name(given: Any) -> str:
    inner = getattr(given, "func", given)  # of a functools.partial
    return getattr(inner, "__name__", type(inner).__name__)


def _has_own_fit(given: Any) -> bool:
    if not is_hypermodel(given):
        return False
    return type(given).fit.__module__.partition(".")[0] != "keras_tuner"


class _StandIn:
    """Stand in for the data and for the training history in ``HyperModel.fit``."""

    def __init__(self, name: str):
        self.__name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # a protocol, such as copying
            raise AttributeError(name)
        raise DeclarationError(f"{self.__name}.{name} is used")


class _Recorder(_StandIn):
    """Stand in for a model: record the arguments of ``fit`` and train nothing."""

    def __init__(self) -> None:
        super().__init__("model")
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def fit(self, *args: Any, **kwargs: Any) -> _StandIn:
        self.calls.append((args, kwargs))
        return _StandIn("the history of the training")


def _arguments_of_fit(hypermodel: Any, hp: HyperParameters) -> dict[str, Any]:
    """The arguments that ``HyperModel.fit`` passes to ``Model.fit``, without the data."""
    model, X, y = _Recorder(), _StandIn("x"), _StandIn("y")
    name = type(hypermodel).__name__
    limits = (
        f"{name}.fit must call model.fit(*args, **kwargs) exactly once and return the "
        "result or None. Only the keyword arguments may be changed. To change the data, "
        "use a transformer in a pipeline; to train in another way, override "
        "keras.Model.train_step."
    )
    parameters = list(inspect.signature(hypermodel.fit).parameters.values())[2:]
    named = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD][2:]
    required = {p.name: _StandIn(p.name) for p in named if p.default is p.empty}
    arguments = {"callbacks": [], **required}
    try:
        result = hypermodel.fit(hp, model, X, y, **arguments)
    except Exception as error:
        raise DeclarationError(f"{limits} Instead, the method failed: {error}.") from error
    if len(model.calls) != 1:
        n_calls = len(model.calls)
        raise DeclarationError(f"{limits} Instead, model.fit was called {n_calls} times.")
    if not (result is None or isinstance(result, _StandIn)):
        raise DeclarationError(f"{limits} Instead, the method returned {result!r}.")
    ((args, kwargs),) = model.calls
    given = {**dict(zip(("x", "y"), args, strict=False)), **kwargs}
    if len(args) > 2 or given.pop("x", X) is not X or given.pop("y", y) is not y:
        raise DeclarationError(f"{limits} Instead, other data were passed.")
    known = [*inspect.signature(keras.Model.fit).parameters][3:]
    for argument in given:
        if argument not in known:
            raise DeclarationError(
                f"{limits} model.fit has no argument {argument!r}."
                + did_you_mean(argument, known)
            )
    return {n: v for n, v in given.items() if not isinstance(v, _StandIn)}
