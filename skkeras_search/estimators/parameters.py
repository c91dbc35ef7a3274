"""What counts as a parameter of a Keras estimator, and how it is read and set.

Three kinds: the arguments of the constructor; *routed* ones, such as
``optimizer__learning_rate``; and the build function's own arguments, which have the
function's defaults until the user gives them a value.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from typing import Any, Self

import keras
from sklearn.base import BaseEstimator, clone

from skkeras_search.estimators.build_function import ROUTING_PREFIXES, BuildFunction
from skkeras_search.estimators.declaring_function import (
    DeclaringFunction,
    declared_by,
    declares,
    is_hypermodel,
)
from skkeras_search.estimators.serialization import is_keras_object
from skkeras_search.nearest_name import ABBREVIATIONS, did_you_mean
from skkeras_search.space.discovery import Declared
from skkeras_search.space.space import Space

# Attributes of tf.keras.wrappers, by what has taken their place.
OF_THE_OLD_WRAPPERS = {
    "model": "The trained model is `model_`, and its history the dict `history_`",
    "history": "The history of the last fit is the dict `history_`",
    "sk_params": "The parameters are `get_params()`",
}
# Where the classes are whose constructors take any keyword and store every argument.
OURS = "skkeras_search."


class ParametersMixin(BaseEstimator):
    """Parameters of an estimator whose model is built by a function of the user's."""

    model: Any
    build_fn: Any
    model_: keras.Model
    _keras_build_fn: Callable[..., keras.Model]
    # Parameters that the constructor's signature does not name.
    _extra_params: dict[str, Any]
    # Names that were passed to the constructor or set: their values are asked for, also
    # where they equal the default.
    _given: set[str]
    # Names that were passed to the constructor, so that a clone's takes them, too.
    _constructed_with: frozenset[str]
    # Values of the arguments that only a class of the user's names: its constructor may
    # not store them, as scikeras's MLPClassifier does not `optimizer__learning_rate`.
    _passed: dict[str, Any]
    # What the build function declares. Copies have it, too, also in other processes.
    _declared: Declared | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Note which parameters are asked for, before defaults join them."""
        self = super().__new__(cls)
        passed = {**dict(zip(cls._constructor_defaults(), args, strict=False)), **kwargs}
        self._given, self._constructed_with = set(passed), frozenset(passed)
        own = of_subclasses(cls)  # type: ignore[arg-type]  # a class is hashable
        self._passed = {name: passed[name] for name in own & passed.keys()}
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get parameters for this estimator.

        Parameters
        ----------
        deep : bool, default=True
            Also return the parameters of parameters that are estimators.

        Returns
        -------
        dict
            Parameter names mapped to their values: the constructor's, routed ones
            that were set, and the build function's own arguments.
        """
        params: dict[str, Any] = {}
        for name in self._get_param_names():
            value = params[name] = self._param(name)
            if deep and hasattr(value, "get_params") and not isinstance(value, type):
                params |= {f"{name}__{n}": v for n, v in value.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters of this estimator.

        Parameters
        ----------
        **params : dict
            Arguments of the constructor, routed parameters
            (``optimizer__learning_rate``, ``callbacks__es__patience``) and
            arguments of the build function.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a name is none of these; the message has the nearest one.
        """
        for name in sorted(params, key=_model_first):
            if not self._is_param(name):
                known = self._known_names()
                raise ValueError(
                    f"Invalid parameter {name!r} for estimator {type(self).__name__}."
                    f"{did_you_mean(name, known)}{self._about_parameter(name)} "
                    f"Valid parameters are: {known!r}."
                )
            self._set_param(name, params[name])
        return self

    def _set_param(self, name: str, value: Any) -> None:
        self._given.add(name)
        if name in of_subclasses(type(self)):  # type: ignore[arg-type]
            self._declared = None  # which its _keras_build_fn may decide by
        if name in self._constructor_defaults():
            setattr(self, name, value)
        else:
            self.__dict__.pop(name, None)  # an attribute the user assigned
            self._extra_params[name] = value
        if name in ("model", "build_fn"):
            self._yield_to_build_function()

    def _yield_to_build_function(self) -> None:
        """Let the build function's defaults stand where both have a default.

        ``def create_model(optimizer="adam")`` must not be called with the
        constructor's ``optimizer="rmsprop"`` that nobody asked for. Nor is None a
        ``model``, for which scripts take the trained one, where there is a ``build_fn``.
        """
        if self.__dict__.get("model") is None and self.__dict__.get("build_fn") is not None:
            self.__dict__.pop("model", None)
        # What is declared is not known yet: to find out takes time. Names are looked for
        # among it when they are asked for.
        may_have_any = self._declaring() is not None
        function = None if may_have_any else self._build_function()
        for name, default in self._constructor_defaults().items():
            is_own = may_have_any or (function and name in function.defaults)
            if is_own and name not in self._given:
                if _is_equal(self.__dict__.get(name, self), default):
                    del self.__dict__[name]

    def _param(self, name: str) -> Any:
        for values in (self.__dict__, self._extra_params, self._passed):
            if name in values:
                return values[name]
        function = self._build_function()
        if function and name in function.defaults:
            return function.defaults[name]
        return self._constructor_defaults()[name]

    def __getattr__(self, name: str) -> Any:
        # Reached for parameters that were never given a value of their own.
        if not name.startswith("_") and "_extra_params" in self.__dict__:
            old_model = name == "model" and self.__dict__.get("build_fn") is not None
            try:
                if not old_model:
                    return self._param(name)
            except KeyError:
                pass
            if name in OF_THE_OLD_WRAPPERS:
                raise AttributeError(
                    f"{type(self).__name__!r} object has no attribute {name!r}"
                    f"{' beside build_fn' if old_model else ''}. "
                    f"{OF_THE_OLD_WRAPPERS[name]}."
                )
        # Raises the error of a failing property, or the usual one.
        return object.__getattribute__(self, name)

    def _get_param_names(self) -> list[str]:
        function = self._build_function()
        return sorted(
            {
                *self._constructor_defaults(),
                *self._extra_params,
                *(function.defaults if function else ()),
            }
        )

    def _assigned_params(self) -> dict[str, Any]:
        """Parameters of the build function that the user assigned as attributes."""
        function = self._build_function()
        own = function.arguments if function else ()
        return {name: vars(self)[name] for name in own if name in vars(self)}

    def _known_names(self) -> list[str]:
        """All parameters, the build function's own first."""
        function = self._build_function()
        own = list(function.arguments) if function else []
        return [*own, *(name for name in self._get_param_names() if name not in own)]

    def _is_param(self, name: str) -> bool:
        prefix, routed, _ = name.partition("__")
        if routed and prefix in ROUTING_PREFIXES:
            return True
        if self._declaring() is not None and self._declaring(name) is None:
            return True  # the function's first parameter
        function = self._build_function()
        return name in self._known_names() or bool(function and function.open)

    def _check_param_names(self) -> None:
        """Refuse parameters that would reach nothing.

        Raises
        ------
        TypeError
            As a call with an unexpected keyword does.
        """
        function = self._build_function()
        for name in self._extra_params:
            prefix, routed, rest = name.partition("__")
            if routed and prefix in ROUTING_PREFIXES:
                if prefix == "model" and function and not function.accepts(rest):
                    raise TypeError(
                        f"{name!r}: model={function.name} got an unexpected keyword "
                        f"argument {rest!r}."
                        + did_you_mean(rest, [*function.arguments, *function.magic])
                    )
            elif not (function and function.accepts(name)):
                known = [*self._known_names(), *(f"{p}__" for p in ROUTING_PREFIXES)]
                known = [known_name for known_name in known if known_name != name]
                and_model = f" or of model={function.name}" if function else ""
                raise TypeError(
                    f"{type(self).__name__} got an unexpected keyword argument {name!r}, "
                    f"which is not a parameter of it{and_model}."
                    f"{did_you_mean(name, known)}{self._about_parameter(name)}"
                )

    def _about_parameter(self, name: str, prefix: str = "") -> str:
        """Complete an error message about a name that is no parameter."""
        function = self._build_function()
        own = list(function.arguments) if function else []
        named = f"model={function.name}" if function else "the function"
        about = f" The arguments of {named} are {own!r}." if own else ""
        if self._ready_model() is not None:
            about = (
                " A ready keras.Model is built already: for parameters of its own pass "
                f"the function, not its result, as {type(self).__name__}(create_model, "
                f"{name}=...)."
            )
        meant = ABBREVIATIONS.get(name, name)
        if meant == "learning_rate" and meant not in {*own, *self._constructor_defaults()}:
            about += (
                f" The learning rate is '{prefix}optimizer__learning_rate' where the "
                f"estimator compiles the model; where {named} does, make it an argument."
            )
        return about

    def _check_keras_arguments(self, method: str, names: Iterable[str]) -> None:
        """Refuse arguments that a method of the model does not take.

        Raises
        ------
        TypeError
            As the call would, before anything is trained.
        """
        parameters = inspect.signature(getattr(self._architecture, method)).parameters
        if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return
        for name in names:
            if name not in parameters:
                raise TypeError(
                    f"'{method}__{name}': keras.Model.{method} got an unexpected keyword "
                    f"argument {name!r}." + did_you_mean(name, parameters)
                )

    def _routed_names(self, prefix: str) -> set[str]:
        parts = (name.split("__") for name in self._extra_params)
        return {rest[0] for first, *rest in parts if rest and first == prefix}

    def _build_function(self) -> BuildFunction | None:
        """The build function, or None for a ready model or none at all."""
        if (declaring := self._declaring()) is not None:
            return DeclaringFunction(declaring, self._what_declares(declaring))
        model = self._builder()
        if isinstance(model, keras.Model) or not callable(model):
            return None
        return BuildFunction(model)

    def _declaring(self, *names: str) -> Any:
        """The function or ``HyperModel`` that declares hyperparameters, or None.

        It is None where the function's ``hp`` is among the parameters with a value, which
        are those of the estimator and ``names``.
        """
        builder = self._builder()
        names += (*self._constructor_defaults(), *self._extra_params, *vars(self))
        valued = {name.removeprefix("model__") for name in names}
        return builder if declares(builder, valued) else None

    def _what_declares(self, builder: Any) -> Declared:
        is_own = self._given_model() is None
        # The function behind the method, which all copies share.
        source = type(self)._keras_build_fn if is_own else builder
        if self._declared is None or self._declared.source is not source:
            # What the method reads of the estimator is not declared.
            self._declared = Declared(source, None, {})
            try:
                self._declared = replace(declared_by(builder), source=source)
            except Exception:
                self._declared = None
                raise
        return self._declared

    def declared_space(self) -> Space | None:
        """Give the search space that the build function declares.

        Returns
        -------
        Space or None
            None if ``model``, or the ``_keras_build_fn`` of a subclass, is no function with
            ``hp`` as its first parameter and no ``keras_tuner.HyperModel``, or declares
            nothing.

        Raises
        ------
        ValueError
            If the function declares its hyperparameters in a way that makes no space.

        Examples
        --------
        >>> import keras
        >>> from skkeras_search import KerasClassifier
        >>> def build_model(hp):
        ...     units = hp.Int("units", 8, 64, step=8)
        ...     layers = keras.layers
        ...     return keras.Sequential(
        ...         [layers.Dense(units), layers.Dense(3, activation="softmax")]
        ...     )
        >>> KerasClassifier(build_model).declared_space()
        Space(
            units: Range(range(8, 65, 8))
        )
        """
        declaring = self._declaring()
        return None if declaring is None else self._what_declares(declaring).space

    def _ready_model(self) -> keras.Model | None:
        """The model that was passed instead of a function that builds it."""
        model = self._given_model()
        return model if isinstance(model, keras.Model) else None

    def _builder(self) -> Any:
        """What was given to build the model, or the method of a class of the user's."""
        given = self._given_model()
        has_own = given is None and hasattr(type(self), "_keras_build_fn")
        return self._keras_build_fn if has_own else given

    def _given_model(self) -> Any:
        model = self.__dict__.get("model")
        return self.__dict__.get("build_fn") if model is None else model

    @classmethod
    def _constructor_defaults(cls) -> dict[str, Any]:
        return constructor_defaults(cls)  # type: ignore[arg-type]  # a class is hashable

    def __sklearn_clone__(self) -> Self:
        """Make an unfitted copy with the same parameters.

        Keras objects (a model, an optimizer, callbacks) are shared with the copy
        rather than copied: ``fit`` never changes those it was given, and Keras can
        copy only classes that are registered with it.
        """
        changed = {
            name: vars(self)[name]
            for name, default in self._constructor_defaults().items()
            if name in vars(self)
            and (name in self._given or not _is_equal(vars(self)[name], default))
        }
        params = self._passed | self._extra_params | self._assigned_params() | changed
        params = {name: _cloned(value) for name, value in params.items()}
        own = constructor_arguments(type(self))  # type: ignore[arg-type]
        taken = params.keys() & (own | self._constructed_with)
        copied = type(self)(**{name: params[name] for name in taken})
        if (declaring := self._declaring()) is not None:
            copied._declared = self._what_declares(declaring)
        # A class of the user's may give the others values of its own.
        for name in sorted(params.keys() - taken, key=_model_first):
            copied._set_param(name, params[name])
        for private in ("_metadata_request", "_sklearn_output_config"):
            if hasattr(self, private):
                setattr(copied, private, clone(getattr(self, private), safe=False))
        if hasattr(self, "_skl_callbacks"):
            copied._skl_callbacks = self._skl_callbacks
        return copied


@lru_cache
def constructor_defaults(cls: type) -> dict[str, Any]:
    """Named arguments of the constructors of a class and its bases, with their defaults.

    Those of the bases are parameters also where the class does not take them: its
    constructor then gives them their values.
    """
    defaults: dict[str, Any] = {}
    for parameters in _constructors(cls):
        for parameter in parameters:
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                defaults.setdefault(parameter.name, parameter.default)
    return defaults


@lru_cache
def of_subclasses(cls: type) -> set[str]:
    """Arguments that the constructors of a user's classes add to those of ours."""
    ours = next(base for base in cls.__mro__ if base.__module__.startswith(OURS))
    return constructor_defaults(cls).keys() - constructor_defaults(ours).keys()


@lru_cache
def constructor_arguments(cls: type) -> frozenset[str]:
    """Arguments that the constructor of a class names, not those of its bases."""
    return frozenset(parameter.name for parameter in next(_constructors(cls)))


def _constructors(cls: type) -> Iterator[list[inspect.Parameter]]:
    """Parameters of a class's own constructor, then its bases', up to one of ours."""
    for base in cls.__mro__:
        if "__init__" in vars(base):
            yield list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
            if base.__module__.startswith(OURS):
                return


def _is_equal(value: Any, default: Any) -> bool:
    """Whether a value is a default, or one that was pickled and unpickled."""
    if value is default:
        return True
    simple = isinstance(default, (str, int, float, tuple, list, dict, type(None)))
    return simple and type(value) is type(default) and bool(value == default)


def _cloned(value: Any) -> Any:
    if is_keras_object(value) or callable(value) or is_hypermodel(value):
        return value
    if type(value) in (list, tuple):
        return type(value)(_cloned(item) for item in value)
    if type(value) is dict:
        return {key: _cloned(item) for key, item in value.items()}
    return clone(value, safe=False)


def _model_first(name: str) -> tuple[bool, str]:
    return (name not in ("model", "build_fn"), name)
