"""What two models must have in common to be trained by one program."""

import inspect
from collections.abc import Hashable, Iterable, Iterator
from typing import Any

import keras

from skkeras_search.fusion.constants import Constants
from skkeras_search.fusion.foreign import fingerprint, is_foreign, of_part
from skkeras_search.fusion.optimizer import decays
from skkeras_search.fusion.step import NotFusibleError, output_names

# Where a config holds names, or the identities of objects. Keras numbers both anew
# for each model, and nothing that is computed depends on them.
NAMES = ("name", "shared_object_id", "keras_history", "input_layers", "output_layers")


def signature(model: keras.Model) -> Hashable:
    """Describe the architecture of a built and compiled model.

    Weights, names, the learning rate and ``Constants`` are not part of it: they are data.

    Parameters
    ----------
    model : keras.Model

    Returns
    -------
    hashable

    Raises
    ------
    NotFusibleError
        If something of the model cannot be described.
    """
    parts = list(_parts(model))
    if any(_is_lambda(thing) for part in parts for thing in (part, *_held(part))):
        raise NotFusibleError("it has a lambda, which Keras does not serialize faithfully")
    optimizer = _config(model.optimizer)
    if isinstance(model.optimizer._learning_rate, keras.Variable):
        del optimizer["config"]["learning_rate"]
    constants = Constants(model)
    with constants.left_open():
        architecture = _config(model)
    architecture.pop("compile_config", None)  # it is below, without the learning rate
    compiled = _compiled(model)
    by_name = any(isinstance(value, dict) for value in compiled.values())
    variables = (*model.trainable_variables, *model.non_trainable_variables)
    return (
        _frozen(architecture, {}),
        _frozen({name: _config(value) for name, value in compiled.items()}, {}),
        tuple(output_names(model)) if by_name else None,
        _frozen(optimizer, {}),
        tuple(decays(model.optimizer, model.trainable_variables)),
        tuple((v.dtype, tuple(v.shape), fingerprint(v.constraint)) for v in variables),
        tuple(of_part(v.regularizer) for v in variables),
        tuple(v.trainable for v in model.weights),
        constants.pattern(),
        tuple(fingerprint(p) if inspect.isroutine(p) else of_part(p) for p in parts),
    )


def _config(thing: Any) -> Any:
    try:
        return keras.saving.serialize_keras_object(thing)
    except Exception as error:  # whatever a get_config of the user's raises
        raise NotFusibleError(
            f"Keras cannot serialize {type(thing).__name__}: {error}"
        ) from error


def _compiled(model: keras.Model) -> dict[str, Any]:
    metrics = model._compile_metrics
    return {
        "loss": model._compile_loss._user_loss,
        "loss_weights": model._compile_loss._user_loss_weights,
        "metrics": getattr(metrics, "_user_metrics", None),
        "weighted_metrics": getattr(metrics, "_user_weighted_metrics", None),
    }


def _parts(model: keras.Model) -> Iterator[Any]:
    """The model, its layers and operations, its losses and its metrics."""
    for layer in model._flatten_layers():
        yield layer
        yield getattr(layer, "activity_regularizer", None)
        yield from getattr(layer, "operations", ())
    yield from keras.tree.flatten(list(_compiled(model).values()))


def _held(part: Any) -> Iterable[Any]:
    return getattr(part, "__dict__", {}).values()


def _is_lambda(thing: Any) -> bool:
    return getattr(thing, "__name__", "") == "<lambda>" and is_foreign(thing)


def _frozen(config: Any, names: dict[Any, int], key: str = "") -> Hashable:
    """A config as nested tuples, in which names are numbered as they appear."""
    if isinstance(config, dict):
        if config.get("class_name") in ("__lambda__", "Lambda"):
            raise NotFusibleError(
                "it has a Lambda layer, which Keras does not serialize faithfully"
            )
        items = sorted(config.items(), key=lambda item: str(item[0]))
        return tuple(
            (k, _frozen(v, names, key if key in NAMES else str(k))) for k, v in items
        )
    if isinstance(config, (list, tuple)):
        return tuple(_frozen(item, names, key) for item in config)
    if key in NAMES and isinstance(config, (str, int)) and not isinstance(config, bool):
        if isinstance(config, int) and key != "shared_object_id":
            return config  # the index of a node or of a tensor
        return "name", names.setdefault(config, len(names))
    return fingerprint(config)
