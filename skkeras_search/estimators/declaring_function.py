"""A build function that declares its hyperparameters, as those of KerasTuner do."""

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

# Parameters of an estimator that no hyperparameter can be called.
RESERVED = ("model", "build_fn")


def is_hypermodel(given: Any) -> bool:
    """Whether something is an instance of KerasTuner's ``HyperModel``."""
    return any(
        cls.__name__ == "HyperModel" and cls.__module__.partition(".")[0] == "keras_tuner"
        for cls in type(given).__mro__
    )


def declares(given: Any, valued: Container[str] = ()) -> bool:
    """Whether something declares hyperparameters when it builds a model.

    That is a ``HyperModel``, and a function whose first parameter is called ``hp`` and has
    no default, or is annotated as ``HyperParameters``.

    Parameters
    ----------
    given : object
    valued : container of str
        Parameters that the estimator has values for. A function that gets its first
        parameter from there declares nothing.
    """
    if is_hypermodel(given):
        return True
    if not callable(given) or isinstance(given, keras.Model):
        return False
    try:
        parameters = list(inspect.signature(given).parameters.values())
    except (TypeError, ValueError):  # of some built-in ones
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
    """What can be known of a build function that declares its hyperparameters.

    Parameters
    ----------
    given : callable or keras_tuner.HyperModel
    declared : Declared
        What ``declared_by`` has found out about it.

    Attributes
    ----------
    arguments : dict
        The hyperparameters, and arguments of the function beside ``hp``, mapped to their
        defaults.
    """

    def __init__(self, given: Any, declared: Declared):
        self.given = given
        self.name = _name(given)
        self.function = self._build
        self.magic, self.open = (), False
        self.declared = declared
        self.arguments = {**_own_arguments(given), **declared.defaults}

    def training_arguments(self, values: dict[str, Any]) -> dict[str, Any]:
        """Arguments of ``Model.fit`` that ``HyperModel.fit`` gives it.

        Parameters
        ----------
        values : dict
            Of hyperparameters.

        Returns
        -------
        dict
            Empty for a build function.
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
    """Find out what a function or ``HyperModel`` declares.

    It builds some models, which are thrown away.

    Raises
    ------
    TypeError
        If the function needs what is known in ``fit`` only.
    DeclarationError
        If the declarations make no space, or the model of the defaults cannot be built.
    """
    for name, default in _own_arguments(given).items():
        if name in MAGIC_ARGUMENTS:
            raise TypeError(
                f"model={_name(given)} takes hp and {name}. The hyperparameters are asked "
                f"for before there are data, when {name} is not known. Leave {name} out "
                "(a model without an Input layer learns the shape of its inputs when it is "
                "fitted), or write a function without hp and give the space to the search."
            )
        if default is inspect.Parameter.empty:
            raise TypeError(
                f"model={_name(given)} takes hp and {name!r}, which has no default. Bind "
                f"it, as in functools.partial({_name(given)}, {name}=...)."
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
            f"model={_name(given)} was called to learn its hyperparameters, before there "
            f"are data, and raised {type(error).__name__}: {error}. It must build a model "
            "of the defaults, whatever the data are. If its first parameter is one of your "
            "own, give the estimator a value for it, as in hp=..."
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
                f"parameter of the estimator. Give it another name, as {other!r}."
            )


def _builder(given: Any) -> Callable[..., Any]:
    builder: Callable[..., Any] = given.build if is_hypermodel(given) else given
    return builder


def _own_arguments(given: Any) -> dict[str, Any]:
    """Arguments of a function beside ``hp``."""
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
    """What ``HyperModel.fit`` gets for the data, and in return for a trained model."""

    def __init__(self, name: str):
        self.__name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # of protocols, such as copying
            raise AttributeError(name)
        raise DeclarationError(f"it uses {self.__name}.{name}")


class _Recorder(_StandIn):
    """A model that notes the arguments of ``fit``, and trains nothing."""

    def __init__(self) -> None:
        super().__init__("model")
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def fit(self, *args: Any, **kwargs: Any) -> _StandIn:
        self.calls.append((args, kwargs))
        return _StandIn("the history of the training")


def _arguments_of_fit(hypermodel: Any, hp: HyperParameters) -> dict[str, Any]:
    """The arguments that ``HyperModel.fit`` gives to ``Model.fit`` beside the data."""
    model, X, y = _Recorder(), _StandIn("x"), _StandIn("y")
    name = type(hypermodel).__name__
    limits = (
        f"{name}.fit may give model.fit(*args, **kwargs) other arguments, and call it "
        "once; the estimator does the rest. Changes of the data belong to a transformer in "
        "a pipeline, other ways of training to keras.Model.train_step."
    )
    parameters = list(inspect.signature(hypermodel.fit).parameters.values())[2:]
    named = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD][2:]
    required = {p.name: _StandIn(p.name) for p in named if p.default is p.empty}
    arguments = {"callbacks": [], **required}
    try:
        result = hypermodel.fit(hp, model, X, y, **arguments)
    except Exception as error:
        raise DeclarationError(f"{limits} It raised {error}.") from error
    if len(model.calls) != 1:
        raise DeclarationError(f"{limits} It called it {len(model.calls)} times.")
    if not (result is None or isinstance(result, _StandIn)):
        raise DeclarationError(f"{limits} It returned {result!r}.")
    ((args, kwargs),) = model.calls
    given = {**dict(zip(("x", "y"), args, strict=False)), **kwargs}
    if len(args) > 2 or given.pop("x", X) is not X or given.pop("y", y) is not y:
        raise DeclarationError(f"{limits} It passed other data.")
    known = [*inspect.signature(keras.Model.fit).parameters][3:]
    for argument in given:
        if argument not in known:
            raise DeclarationError(
                f"{limits} model.fit has no argument {argument!r}."
                + did_you_mean(argument, known)
            )
    return {n: v for n, v in given.items() if not isinstance(v, _StandIn)}
