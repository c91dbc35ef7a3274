"""Pickle and copy Keras objects, custom ones too, without any registration.

Keras finds the custom classes and functions of a saved model in a registry of the
process. A worker process has not filled it, so they travel with the model: by
reference for ``pickle``, by value for what ``cloudpickle`` (and so joblib's loky
workers) finds in ``__main__``.
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
    """Stand in for a Keras object in a state to be pickled.

    What comes out of the pickle is the Keras object itself.

    Parameters
    ----------
    value : Layer, Model, Optimizer, Loss or Metric
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
    """Put ``Packed`` in the place of Keras objects, also inside lists and dicts."""
    if is_keras_object(value) and not isinstance(value, keras.callbacks.Callback):
        return Packed(value)
    if type(value) in (list, tuple):
        return type(value)(pack(item) for item in value)
    if type(value) is dict:
        return {key: pack(item) for key, item in value.items()}
    return value


def save_model(model: keras.Model) -> bytes:
    """Save a model, its weights, optimizer and compile settings.

    Raises
    ------
    TypeError
        If Keras cannot save it.
    """
    with TemporaryDirectory() as folder, _explained(model):
        path = Path(folder, "model.keras")
        model.save(path)
        return path.read_bytes()


def load_model(
    saved: bytes, custom: CustomObjects, compiled: Any = None, safe_mode: bool = True
) -> keras.Model:
    """Make the model that ``save_model`` saved.

    Parameters
    ----------
    saved : bytes
    custom : dict
        As ``custom_objects`` finds them.
    compiled : tuple of (dict, list of ndarray), optional
        Arguments of ``compile`` to use instead of the saved ones, and the values of
        the optimizer's variables.
    safe_mode : bool, default=True
        Whether to refuse lambdas.
    """
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        # An optimizer that has not trained yet has nothing to load.
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
    """The value itself; or, with classes that have no name to be found by, by value."""
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
        If Keras cannot save it, or make it again.
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
            "and so neither pickled nor copied. Give the class a get_config method that "
            "returns the arguments of its constructor, or pass a function that builds "
            f"the model. Keras says: {error}"
        ) from error


def copy_compile_arguments(items: Any) -> Any:
    """Copy the Keras objects among ``items``, as they were when constructed.

    Parameters
    ----------
    items : object, or list, tuple or dict of them
        Optimizers and metrics hold variables, which each model needs of its own.
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
    """The config of an optimizer or a metric, complete.

    Arguments of a custom class's constructor that its ``get_config`` leaves out are
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
    # A loss has no variables, and a custom one often no get_config.
    loss: Any = object.__new__(cls)
    loss.__dict__.update({name: copy.copy(value) for name, value in attributes.items()})
    return loss


def _deserialize(config: dict[str, Any], custom: CustomObjects) -> Any:
    return keras.saving.deserialize_keras_object(config, custom)


def _compile_config(model: Any) -> dict[str, Any]:
    """Arguments that a model was compiled with."""
    return dict(getattr(getattr(model, "_compile_config", None), "config", {}))


def _compiled(model: keras.Model) -> tuple[dict[str, Any], list[np.ndarray]] | None:
    """Arguments of ``compile`` and values of the optimizer, where the file may lack them.

    Keras saves configs, and that of a custom loss, metric or optimizer is often
    incomplete. None if all are Keras's own.
    """
    arguments = _compile_config(model)
    if not any(map(_is_foreign, keras.tree.flatten(arguments))):
        return None
    arguments["optimizer"] = model.optimizer
    variables = model.optimizer.variables if model.optimizer.built else []
    return arguments, [keras.ops.convert_to_numpy(variable) for variable in variables]


def custom_objects(value: Any) -> CustomObjects:
    """Find the classes and functions in ``value`` that Keras does not know.

    Parameters
    ----------
    value : Layer, Model, Optimizer, Loss or Metric

    Returns
    -------
    dict
        The name under which Keras will ask for each, mapped to it.
    """
    here = {thing.__name__: thing for thing in _foreign_things(value)}
    found: CustomObjects = {}
    for module, name, registered_name in _custom_names(_config(value)):
        # Of a layer's functions the config has no module, only the name.
        candidate = here.get(name) or getattr(sys.modules.get(module), name, None)
        if candidate is not None:
            found[name] = found[registered_name] = candidate
    return found


def has_custom_parts(model: keras.Model) -> bool:
    """Whether Keras alone does not know all that a model is made of."""
    return any(map(_is_foreign, _parts(model))) or bool(custom_objects(model))


def refuse_python_lambdas(value: Any) -> None:
    """Refuse to pickle a Keras object that holds a ``lambda``.

    Raises
    ------
    TypeError
        Naming what holds it.
    """
    for part in _parts(value):
        things = [part, *getattr(part, "__dict__", {}).values()]
        if any(getattr(thing, "__name__", "") == "<lambda>" for thing in things):
            raise TypeError(
                f"{type(part).__name__} {getattr(part, 'name', '')!r} holds a Python "
                "lambda, which cannot be pickled. Use a function defined with `def` "
                "at the top level of a module, or a subclass of keras.layers.Layer."
            )


def _config(value: Any) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*`lambda`.*")
        try:
            return keras.saving.serialize_keras_object(value)
        except NotImplementedError:  # a custom class without get_config
            return {}


def _parts(value: Any) -> list[Any]:
    """A Keras object with all layers inside it, and what a model is compiled with."""
    layer = isinstance(value, keras.Layer)
    inner = value._flatten_layers(include_self=False) if layer else ()
    return [*inner, *keras.tree.flatten(_compile_config(value)), value]


def _foreign_things(value: Any) -> Iterator[Any]:
    """Classes and functions from outside Keras that a Keras object is made of."""
    for part in _parts(value):
        for thing in (part, *getattr(part, "__dict__", {}).values()):
            if _is_foreign(thing):
                yield thing if isinstance(thing, FunctionType) else type(thing)


def _is_foreign(thing: Any) -> bool:
    made_by = thing if isinstance(thing, FunctionType) else type(thing)
    return made_by.__module__.split(".")[0] not in ("keras", "builtins")


def _custom_names(config: Any) -> Iterator[tuple[str, str, str]]:
    """Module, name and registered name of what a config has from outside Keras."""
    if isinstance(config, dict):
        if config.get("registered_name"):  # Keras's own classes have none
            function = config["class_name"] == "function"
            name = config["config"] if function else config["class_name"]
            # Keras writes no module for a class of the script that runs
            yield config["module"] or "__main__", name, config["registered_name"]
        for item in config.values():
            yield from _custom_names(item)
    elif isinstance(config, (list, tuple)):
        for item in config:
            yield from _custom_names(item)
