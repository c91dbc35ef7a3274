"""What two models must have in common to be trained by one program."""

from collections.abc import Hashable, Iterator
from types import FunctionType
from typing import Any

import keras

from skkeras_search.fusion.constants import Constants
from skkeras_search.fusion.foreign import fingerprint, is_foreign, of_part
from skkeras_search.fusion.step import NotFusibleError

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
    functions = [function for part in parts for function in _functions(part)]
    if any(function.__name__ == "<lambda>" for function in functions):
        raise NotFusibleError("it has a lambda, which Keras does not serialize faithfully")
    optimizer = _config(model.optimizer)
    if isinstance(model.optimizer._learning_rate, keras.Variable):
        del optimizer["config"]["learning_rate"]
    constants = Constants(model)
    with constants.left_open():
        architecture = _config(model)
    architecture.pop("compile_config", None)  # it is below, without the learning rate
    return (
        _frozen(architecture, {}),
        _frozen(_compiled(model), {}),
        _frozen(optimizer, {}),
        repr(getattr(model.optimizer, "_exclude_from_weight_decay_names", None)),
        tuple(
            (v.dtype, tuple(v.shape), fingerprint(v.constraint) if v.constraint else None)
            for v in (*model.trainable_variables, *model.non_trainable_variables)
        ),
        len(model.trainable_variables),
        constants.pattern(),
        tuple(of_part(part) for part in parts if is_foreign(part)),
        tuple(fingerprint(function) for function in functions),
    )


def _config(thing: Any) -> Any:
    try:
        return keras.saving.serialize_keras_object(thing)
    except Exception as error:  # whatever a get_config of the user's raises
        raise NotFusibleError(
            f"Keras cannot serialize {type(thing).__name__}: {error}"
        ) from error


def _compiled(model: keras.Model) -> dict[str, Any]:
    return {
        "loss": _config(model._compile_loss._user_loss),
        "loss_weights": model._compile_loss._user_loss_weights,
        "metrics": _config(_user_metrics(model, "_user_metrics")),
        "weighted_metrics": _config(_user_metrics(model, "_user_weighted_metrics")),
    }


def _user_metrics(model: keras.Model, name: str) -> Any:
    return getattr(model._compile_metrics, name, None)


def _parts(model: keras.Model) -> Iterator[Any]:
    """The model, its layers, its loss and its metrics."""
    yield from model._flatten_layers()
    yield from keras.tree.flatten(model._compile_loss._user_loss)
    for name in ("_user_metrics", "_user_weighted_metrics"):
        yield from keras.tree.flatten(_user_metrics(model, name))


def _functions(part: Any) -> Iterator[FunctionType]:
    """Foreign functions that a part is made of, or is."""
    for thing in (part, *getattr(part, "__dict__", {}).values()):
        if isinstance(thing, FunctionType) and is_foreign(thing):
            yield thing


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
