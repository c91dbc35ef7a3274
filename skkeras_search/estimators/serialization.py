"""Pickle and copy Keras objects, including custom ones that are not registered.

Keras finds the custom classes and functions of a saved model in a registry of the process,
which is empty in a worker process. They are therefore pickled with the model: ``pickle``
stores them by reference, and ``cloudpickle``, which joblib's loky workers use, stores the
classes and functions of ``__main__`` by value.
"""

import copy
import inspect
import pickle
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FunctionType
from typing import Any

import keras
import numpy as np
from joblib import wrap_non_picklable_objects

KERAS_CLASSES = (
    keras.Layer,  # keras.Model is one
    keras.Optimizer,
    keras.Loss,
    keras.Metric,
    keras.callbacks.Callback,
)

CustomObjects = dict[str, Any]


def is_keras_object(value: object) -> bool:
    """Whether ``value`` is an instance of one of Keras's main classes."""
    return isinstance(value, KERAS_CLASSES)


class Packed:
    """Stand in for a Keras object that is pickled; unpickling returns the object itself.

    Parameters
    ----------
    value : Layer, Model, Optimizer, Loss or Metric
        The object.
    """

    def __init__(self, value: Any):
        self.value = value

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        refuse_python_lambdas(self.value)
        if isinstance(self.value, keras.Model):
            parts = custom_objects(self.value), pack(_compiled(self.value))
            return _load_packed, (save_model(self.value), _portable(parts))
        if isinstance(self.value, keras.Loss):
            return _restore_loss, (type(self.value), vars(self.value))
        if isinstance(self.value, keras.Layer):
            config = keras.saving.serialize_keras_object(self.value)
            return _deserialize, (config, custom_objects(self.value))
        custom = custom_objects(self.value)
        return _construct, (type(self.value), constructor_config(self.value), custom)


def pack(value: Any) -> Any:
    """Replace Keras objects by ``Packed``, also inside lists and dicts."""
    if is_keras_object(value) and not isinstance(value, keras.callbacks.Callback):
        return Packed(value)
    if type(value) in (list, tuple):
        return type(value)(pack(item) for item in value)
    if type(value) is dict:
        return {key: pack(item) for key, item in value.items()}
    return value


def save_model(model: keras.Model) -> bytes:
    """Save a model with its weights, optimizer and compile settings.

    Parameters
    ----------
    model : keras.Model
        The model.

    Returns
    -------
    saved : bytes
        The contents of a ``.keras`` file.

    Raises
    ------
    TypeError
        If Keras cannot save the model.
    """
    with TemporaryDirectory() as folder, _explained(model):
        path = Path(folder, "model.keras")
        model.save(path)
        return path.read_bytes()


def load_model(
    saved: bytes, custom: CustomObjects, compiled: Any = None, safe_mode: bool = True
) -> keras.Model:
    """Load the model that ``save_model`` saved.

    Parameters
    ----------
    saved : bytes
        The contents of a ``.keras`` file.
    custom : dict
        The custom objects, as ``custom_objects`` returns them.
    compiled : tuple of (dict, list of ndarray), optional
        Arguments of ``compile`` to use instead of the saved ones, and the values of
        the optimizer's variables.
    safe_mode : bool, default=True
        Whether to raise an error if the model contains a lambda.

    Returns
    -------
    model : keras.Model
    """
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        # An optimizer that has not trained yet has no variables to load.
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
        path = Path(folder, "model.keras")
        path.write_bytes(saved)
        model = keras.saving.load_model(
            path, custom, compile=compiled is None, safe_mode=safe_mode
        )
    if compiled is not None:
        arguments, values = compiled
        model.compile(**arguments)
        if values:
            model.optimizer.build(model.trainable_variables)
            for variable, value in zip(model.optimizer.variables, values, strict=True):
                variable.assign(value)
    return model


def _load_packed(saved: bytes, parts: tuple[CustomObjects, Any]) -> keras.Model:
    return load_model(saved, *parts)


def _portable(value: Any) -> Any:
    """The value itself, or a wrapper that pickles it by value if that is necessary."""
    try:
        pickle.dumps(value)
    except (AttributeError, TypeError, pickle.PicklingError):
        return wrap_non_picklable_objects(value, keep_wrapper=False)
    return value


def copy_model(model: keras.Model) -> keras.Model:
    """Copy a model with its weights, optimizer state and compile settings.

    Raises
    ------
    TypeError
        If Keras cannot save or load the model.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*`lambda`.*")
        warnings.filterwarnings("ignore", "You are saving a model that has not yet been")
        saved = save_model(model)
    compiled = copy_compile_arguments(_compiled(model))
    with _explained(model):
        return load_model(saved, custom_objects(model), compiled, safe_mode=False)


@contextmanager
def _explained(model: keras.Model) -> Iterator[None]:
    try:
        yield
    except (NotImplementedError, TypeError) as error:
        raise TypeError(
            f"The model {model.name!r} of class {type(model).__name__} cannot be saved, "
            "so it can be neither pickled nor copied. Define a get_config method that "
            "returns the arguments of the constructor, or pass a function that builds "
            f"the model. Error of Keras: {error}"
        ) from error


def copy_compile_arguments(items: Any) -> Any:
    """Make new Keras objects from the same constructor arguments.

    Optimizers and metrics have variables, which models cannot share.

    Parameters
    ----------
    items : object, or list, tuple or dict of them
        Arguments of ``compile``. Objects other than optimizers, metrics and losses are
        returned as they are.

    Returns
    -------
    copies : object, or list or dict of them
    """
    if isinstance(items, (keras.Optimizer, keras.Metric)):
        config = constructor_config(items)
        return _construct(type(items), config, custom_objects(items))
    if isinstance(items, keras.Loss):
        return _restore_loss(type(items), vars(items))
    if isinstance(items, (list, tuple)):
        return [copy_compile_arguments(item) for item in items]
    if isinstance(items, dict):
        return {key: copy_compile_arguments(item) for key, item in items.items()}
    return items


def constructor_config(value: Any) -> dict[str, Any]:
    """The complete config of an optimizer or a metric.

    Constructor arguments that the ``get_config`` of a custom class does not return are
    read from the attributes of the same name.
    """
    config = dict(value.get_config())
    for name in inspect.signature(type(value).__init__).parameters:
        if name not in config and name in vars(value):
            config[name] = vars(value)[name]
    return config


def _construct(cls: type, config: dict[str, Any], custom: CustomObjects) -> Any:
    with keras.saving.custom_object_scope(custom):
        return cls.from_config(config)  # type: ignore[attr-defined]


def _restore_loss(cls: type, attributes: dict[str, Any]) -> Any:
    # A loss has no variables, and a custom loss often has no get_config.
    loss: Any = object.__new__(cls)
    loss.__dict__.update({name: copy.copy(value) for name, value in attributes.items()})
    return loss


def _deserialize(config: dict[str, Any], custom: CustomObjects) -> Any:
    return keras.saving.deserialize_keras_object(config, custom)


def _compile_config(model: Any) -> dict[str, Any]:
    """The arguments that a model was compiled with."""
    return dict(getattr(getattr(model, "_compile_config", None), "config", {}))


def _compiled(model: keras.Model) -> tuple[dict[str, Any], list[np.ndarray]] | None:
    """The arguments of ``compile`` and the values of the optimizer's variables.

    They are needed for a custom loss, metric or optimizer: Keras saves its config, which
    is often incomplete. None if all of these objects are Keras's own.
    """
    arguments = _compile_config(model)
    if not any(map(_is_foreign, keras.tree.flatten(arguments))):
        return None
    arguments["optimizer"] = model.optimizer
    variables = model.optimizer.variables if model.optimizer.built else []
    return arguments, [keras.ops.convert_to_numpy(variable) for variable in variables]


def custom_objects(value: Any) -> CustomObjects:
    """Find the classes and functions in ``value`` that are not part of Keras.

    Parameters
    ----------
    value : Layer, Model, Optimizer, Loss or Metric
        A Keras object.

    Returns
    -------
    found : dict
        The classes and functions, by the names under which Keras looks them up.
    """
    here = {thing.__name__: thing for thing in _foreign_things(value)}
    found: CustomObjects = {}
    for module, name, registered_name in _custom_names(_config(value)):
        # For the functions of a layer, the config has only the name, not the module.
        candidate = here.get(name) or getattr(sys.modules.get(module), name, None)
        if candidate is not None:
            found[name] = found[registered_name] = candidate
    return found


def has_custom_parts(model: keras.Model) -> bool:
    """Whether a model has parts that are not Keras's own."""
    return any(map(_is_foreign, _parts(model))) or bool(custom_objects(model))


def refuse_python_lambdas(value: Any) -> None:
    """Check that no part of a Keras object contains a ``lambda``.

    Raises
    ------
    TypeError
        If a part contains one. The message names the part.
    """
    for part in _parts(value):
        things = [part, *getattr(part, "__dict__", {}).values()]
        if any(getattr(thing, "__name__", "") == "<lambda>" for thing in things):
            raise TypeError(
                f"{type(part).__name__} {getattr(part, 'name', '')!r} contains a Python "
                "lambda, which cannot be pickled. Use a function that is defined with "
                "`def` at the top level of a module, or a subclass of keras.layers.Layer."
            )


def _config(value: Any) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*`lambda`.*")
        try:
            return keras.saving.serialize_keras_object(value)
        except NotImplementedError:  # a custom class without get_config
            return {}


def _parts(value: Any) -> list[Any]:
    """A Keras object, all layers inside it, and the objects a model is compiled with."""
    layer = isinstance(value, keras.Layer)
    inner = value._flatten_layers(include_self=False) if layer else ()
    return [*inner, *keras.tree.flatten(_compile_config(value)), value]


def _foreign_things(value: Any) -> Iterator[Any]:
    """The classes and functions in a Keras object that are not part of Keras."""
    for part in _parts(value):
        for thing in (part, *getattr(part, "__dict__", {}).values()):
            if _is_foreign(thing):
                yield thing if isinstance(thing, FunctionType) else type(thing)


def _is_foreign(thing: Any) -> bool:
    made_by = thing if isinstance(thing, FunctionType) else type(thing)
    return made_by.__module__.split(".")[0] not in ("keras", "builtins")


def _custom_names(config: Any) -> Iterator[tuple[str, str, str]]:
    """Module, name and registered name of the custom objects in a config."""
    if isinstance(config, dict):
        if config.get("registered_name"):  # Keras's own classes have none
            function = config["class_name"] == "function"
            name = config["config"] if function else config["class_name"]
            # Keras writes no module for a class that is defined in ``__main__``.
            yield config["module"] or "__main__", name, config["registered_name"]
        for item in config.values():
            yield from _custom_names(item)
    elif isinstance(config, (list, tuple)):
        for item in config:
            yield from _custom_names(item)
