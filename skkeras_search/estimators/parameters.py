"""The parameters of a Keras estimator, and how they are read and set.

There are three kinds: the arguments of the constructor; *routed* parameters, such as
``optimizer__learning_rate``; and the arguments of the build function, which keep the
function's defaults until the user gives them a value.
"""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Self

import keras
from sklearn.base import BaseEstimator, clone

from skkeras_search.estimators.build_function import ROUTING_PREFIXES, BuildFunction
from skkeras_search.estimators.compilation import RECEIVERS, receivers_of
from skkeras_search.estimators.declaring_function import (
    DeclaringFunction,
    declared_by,
    declares,
    is_hypermodel,
)
from skkeras_search.estimators.routed import check_keywords, check_routed
from skkeras_search.estimators.serialization import is_keras_object
from skkeras_search.nearest_name import ABBREVIATIONS, did_you_mean
from skkeras_search.space.dimensions import plain
from skkeras_search.space.discovery import Declared
from skkeras_search.space.space import Space

# Attributes of tf.keras.wrappers, with a sentence about their replacement.
OF_THE_OLD_WRAPPERS = {
    "model": "The trained model is `model_`, and its training history is `history_`",
    "history": "The training history of the last fit is the dict `history_`",
    "sk_params": "`get_params()` returns the parameters",
}
# The module prefix of this package's own classes. Their constructors accept any keyword
# and store every argument.
OURS = "skkeras_search."


class ConstructorSignature:
    """Descriptor for ``__signature__``: the signature of a class's own ``__init__``.

    ``ParametersMixin.__new__`` accepts any arguments, and documentation tools such as
    Sphinx prefer the signature of ``__new__`` to that of ``__init__``.
    """

    def __get__(self, instance: object, owner: type) -> inspect.Signature:
        if instance is not None:  # inspect.signature asks classes only
            raise AttributeError(f"{owner.__name__!r} object has no '__signature__'")
        return inspect.Signature(next(_constructors(owner)))


class ParametersMixin(BaseEstimator):
    """Parameters of an estimator whose model is built by a user's function."""

    # Not a fixed value: each subclass has the signature of its own constructor.
    __signature__ = ConstructorSignature()

    model: Any
    build_fn: Any
    model_: keras.Model
    _keras_build_fn: Callable[..., keras.Model]
    # Parameters that the constructor's signature does not name.
    _extra_params: dict[str, Any]
    # Names passed to the constructor or to set_params. The user chose these values, even
    # where they equal the defaults.
    _given: set[str]
    # Names passed to the constructor. A clone's constructor receives the same names.
    _constructed_with: frozenset[str]
    # Values of the arguments that only a user's subclass names. Its constructor may not
    # store them: scikeras's MLPClassifier does not store `optimizer__learning_rate`.
    _passed: dict[str, Any]
    # What the build function declares. It travels with copies, also to other processes.
    _declared: Declared | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Record which parameters the user passes, before defaults are added."""
        self = super().__new__(cls)
        passed = {**dict(zip(cls._constructor_defaults(), args, strict=False)), **kwargs}
        self._given, self._constructed_with = set(passed), frozenset(passed)
        own = of_subclasses(cls)  # type: ignore[arg-type]  # a class is hashable
        self._passed = {name: passed[name] for name in own & passed.keys()}
        return self

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters of this estimator.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of parameters that are estimators
            themselves.

        Returns
        -------
        params : dict
            Parameter names mapped to their values: the arguments of the constructor, the
            arguments of the build function, and the routed parameters that were set.
            An argument of the build function without a default is missing until it is
            set.
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
            Parameter names and values: arguments of the constructor, arguments of the
            build function, and routed parameters such as ``optimizer__learning_rate`` or
            ``callbacks__es__patience``.

        Returns
        -------
        self : estimator
            This estimator.

        Raises
        ------
        ValueError
            If a parameter does not exist. The message suggests the nearest name.
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
            self._declared = None  # its _keras_build_fn may depend on this parameter
        if name in self._constructor_defaults():
            setattr(self, name, value)
        else:
            self.__dict__.pop(name, None)  # an attribute the user assigned
            self._extra_params[name] = value
        if name in ("model", "build_fn"):
            self._yield_to_build_function()

    def _yield_to_build_function(self) -> None:
        """Prefer the build function's defaults to those of the constructor.

        ``def create_model(optimizer="adam")`` must not be called with the constructor's
        default ``optimizer="rmsprop"``, which the user did not choose. A ``model`` of None
        is removed if there is a ``build_fn``: old scripts expect the trained model there,
        and get an error message instead of None.
        """
        if self.__dict__.get("model") is None and self.__dict__.get("build_fn") is not None:
            self.__dict__.pop("model", None)
        # Finding out which hyperparameters a function declares takes time, so it is done
        # when a parameter is first read.
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
        # Called for parameters that were never given a value.
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
                    f"{', because build_fn was passed' if old_model else ''}. "
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
        """Arguments of the build function that the user assigned as attributes."""
        function = self._build_function()
        own = function.arguments if function else ()
        return {name: vars(self)[name] for name in own if name in vars(self)}

    def _known_names(self) -> list[str]:
        """All parameter names, those of the build function first."""
        function = self._build_function()
        own = list(function.arguments) if function else []
        return [*own, *(name for name in self._get_param_names() if name not in own)]

    def _is_param(self, name: str) -> bool:
        prefix, routed, _ = name.partition("__")
        if routed and prefix in ROUTING_PREFIXES:
            return True
        if self._declaring() is not None and self._declaring(name) is None:
            return True  # the first parameter of the function
        function = self._build_function()
        return name in self._known_names() or bool(function and function.open)

    def _check_param_names(self) -> None:
        """Check that every parameter is used by something.

        Raises
        ------
        TypeError
            If a parameter is not used, as for a call with an unexpected keyword.
        """
        function = self._build_function()
        for name in self._extra_params:
            prefix, routed, rest = name.partition("__")
            if routed and prefix in ROUTING_PREFIXES:
                if prefix == "model":
                    self._check_arguments_of_model([rest], "model")
            elif not (function and function.accepts(name)):
                known = [n for n in self._known_names() if n not in self._extra_params]
                searched = (
                    f"neither the estimator nor model={function.name} has"
                    if function
                    else "the estimator does not have"
                )
                raise TypeError(
                    f"{type(self).__name__} got an unexpected keyword argument {name!r}: "
                    f"{searched} a parameter of this name."
                    f"{did_you_mean(name, known)}{self._about_parameter(name)}"
                )

    def _check_arguments_of_model(self, names: Collection[str], prefix: str) -> None:
        """Check the names of arguments that are routed to the build function."""
        function = self._build_function()
        for name in names:
            if function and not function.accepts(name):
                raise TypeError(
                    f"'{prefix}__{name}': model={function.name} got an unexpected keyword "
                    f"argument {name!r}."
                    + did_you_mean(name, [*function.arguments, *function.magic])
                )

    def _passes_to(self, receiver: str) -> bool:
        """Whether this estimator constructs an object such as the optimizer.

        A build function may have a meaning of its own for the parameters.
        """
        function = self._build_function()
        if receiver in RECEIVERS and function and "params" in function.magic:
            return False
        is_own = function is not None and receiver in function.arguments
        return not is_own and f"compile__{receiver}" not in self._extra_params

    def _routed_to(self, receiver: str) -> dict[str, Any]:
        """The parameters that are routed to an object such as the optimizer."""
        start = f"{receiver}__"
        params = self._extra_params.items()
        return {n.removeprefix(start): v for n, v in params if n.startswith(start)}

    def _check_receiver(
        self, receiver: str, items: Any, params: Mapping[str, Any], name: str
    ) -> None:
        """Check that an object such as the optimizer accepts parameters.

        ``name`` is the name of the object for the user.
        """
        if receiver in RECEIVERS:
            items = receivers_of(items, receiver, params)
        check_routed(items, params, name)

    def _params_for_keras(self) -> dict[str, Any]:
        """The parameters, without those routed to an object that the user set to None.

        Numbers are those of Python: Keras refuses NumPy's integers, which arrays of choices
        such as ``np.arange(8, 33, 8)`` contain.
        """
        off = tuple(
            f"{name}__"
            for name in (*RECEIVERS, "callbacks", "fit__callbacks", "predict__callbacks")
            if name in self._given and self._param(name) is None
        )
        params = self.get_params().items()
        return {n: plain(v) for n, v in params if not n.startswith(off)}

    def _about_parameter(self, name: str, prefix: str = "") -> str:
        """Complete an error message about an unknown parameter name."""
        function = self._build_function()
        own = list(function.arguments) if function else []
        named = f"model={function.name}" if function else "the function"
        about = f" The arguments of {named} are {own!r}." if own else ""
        if self._ready_model() is not None:
            about = (
                " The model is a keras.Model that is already built, so it has no "
                "parameters. Pass the function that builds it instead, as in "
                f"{type(self).__name__}(create_model, {name}=...)."
            )
        about += _about_routing(name, prefix)
        meant = ABBREVIATIONS.get(name, name)
        if meant == "learning_rate" and meant not in {*own, *self._constructor_defaults()}:
            about += (
                " If the estimator compiles the model, the learning rate is "
                f"'{prefix}optimizer__learning_rate'. If {named} compiles the model, add "
                "an argument for the learning rate to the function."
            )
        return about

    def _check_keras_arguments(self, method: str, names: Collection[str]) -> None:
        """Check the arguments of a method of the model before anything is trained.

        Raises
        ------
        TypeError
            If the method does not accept one of the arguments.
        """
        called = getattr(self._architecture, method)
        check_keywords(called, names, method, f"keras.Model.{method}")

    def _routed_names(self, prefix: str) -> set[str]:
        parts = (name.split("__") for name in self._extra_params)
        return {rest[0] for first, *rest in parts if rest and first == prefix}

    def _build_function(self) -> BuildFunction | None:
        """The build function; None if there is a built model, or no model."""
        if (declaring := self._declaring()) is not None:
            return DeclaringFunction(declaring, self._what_declares(declaring))
        model = self._builder()
        if isinstance(model, keras.Model) or not callable(model):
            return None
        return BuildFunction(model)

    def _declaring(self, *names: str) -> Any:
        """The function or ``HyperModel`` that declares hyperparameters, or None.

        None also if the function's ``hp`` has a value, given as a parameter of the
        estimator or listed in ``names``.
        """
        builder = self._builder()
        names += (*self._constructor_defaults(), *self._extra_params, *vars(self))
        valued = {name.removeprefix("model__") for name in names}
        return builder if declares(builder, valued) else None

    def _what_declares(self, builder: Any) -> Declared:
        is_own = self._given_model() is None
        # The function behind the method: all copies of the estimator share it.
        source = type(self)._keras_build_fn if is_own else builder
        if self._declared is None or self._declared.source is not source:
            # Attributes that the method reads from the estimator are not declared.
            self._declared = Declared(source, None, {})
            try:
                self._declared = replace(declared_by(builder), source=source)
            except Exception:
                self._declared = None
                raise
        return self._declared

    def declared_space(self) -> Space | None:
        """Return the search space that the build function declares.

        A function declares a space if its first parameter is ``hp``, as in KerasTuner; so
        does a ``keras_tuner.HyperModel``. The function is called to find the space, which
        builds some models without training them.

        Returns
        -------
        space : Space or None
            None if ``model`` (or the ``_keras_build_fn`` of a subclass) declares no
            hyperparameters.

        Raises
        ------
        ValueError
            If the declarations do not form a space.

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
        """The ``keras.Model`` that was passed instead of a build function, or None."""
        model = self._given_model()
        return model if isinstance(model, keras.Model) else None

    def _builder(self) -> Any:
        """The ``model`` that was given, or the ``_keras_build_fn`` of a subclass."""
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

        The copy shares Keras objects (a model, an optimizer, callbacks) with the
        original. ``fit`` never changes the objects that it was given, and Keras can copy
        only classes that are registered with it.
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
        # The constructor of a user's class may have set the others to values of its own.
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

    The arguments of the bases are parameters even if the constructor of the class does
    not accept them. In that case this constructor chooses their values.
    """
    defaults: dict[str, Any] = {}
    for parameters in _constructors(cls):
        for parameter in parameters:
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                defaults.setdefault(parameter.name, parameter.default)
    return defaults


@lru_cache
def of_subclasses(cls: type) -> set[str]:
    """Arguments that the constructors of a user's classes add to this package's."""
    ours = next(base for base in cls.__mro__ if base.__module__.startswith(OURS))
    return constructor_defaults(cls).keys() - constructor_defaults(ours).keys()


@lru_cache
def constructor_arguments(cls: type) -> frozenset[str]:
    """Arguments that the constructor of a class names, without those of its bases."""
    return frozenset(parameter.name for parameter in next(_constructors(cls)))


def _constructors(cls: type) -> Iterator[list[inspect.Parameter]]:
    """Parameters of the constructors of a class and its bases, in the order of the MRO.

    The last constructor is the first one that belongs to this package.
    """
    for base in cls.__mro__:
        if "__init__" in vars(base):
            yield list(inspect.signature(vars(base)["__init__"]).parameters.values())[1:]
            if base.__module__.startswith(OURS):
                return


def _about_routing(name: str, prefix: str) -> str:
    """Explain which routed parameter an unknown name stands for, if any."""
    destination, _, rest = name.partition("_")
    if destination in ROUTING_PREFIXES and rest in ("kwargs", "params"):
        return (
            f" There is no dict of parameters for {destination!r}. Pass each one by its "
            f"own name, as in {prefix}{destination}__name=value."
        )
    for method in ("fit", "compile", "predict"):
        if name in list(inspect.signature(getattr(keras.Model, method)).parameters)[3:]:
            routed = f"{prefix}{method}__{name}"
            return f" For the argument of keras.Model.{method}, pass {routed!r}."
    first, nested, rest_of_routed = name.partition("__")
    if nested and (near := get_close_matches(first, ROUTING_PREFIXES, n=1)):
        return f" Did you mean '{prefix}{near[0]}__{rest_of_routed}'?"
    if destination in ROUTING_PREFIXES and rest.strip("_"):
        routed = f"{prefix}{destination}__{rest.strip('_')}"
        return f" A routed parameter has two underscores: {routed!r}."
    return ""


def _is_equal(value: Any, default: Any) -> bool:
    """Whether a value is the default, or a pickled and unpickled copy of it."""
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
