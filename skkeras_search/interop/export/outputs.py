"""Convert the outputs of a network to predictions of the estimator, with Keras operations.

The formulas are those of ``estimators/outputs.py`` and ``estimators/targets.py``.
"""

import re
from typing import Any

import numpy as np
from keras import ops
from sklearn.compose import TransformedTargetRegressor
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skkeras_search.estimators.outputs import Output, Scale
from skkeras_search.estimators.targets import (
    ClassifierTargetEncoder,
    RegressorTargetEncoder,
)
from skkeras_search.interop.export.preprocessing import unscaled
from skkeras_search.interop.export.tables import ExportError, concatenated

OUTPUT_NAMES = re.compile(r"predictions|probabilities(_\d+)?")

# Functions for inverse_func of a TransformedTargetRegressor that can be exported.
INVERSES = {
    np.exp: ops.exp,
    np.expm1: ops.expm1,
    np.log: ops.log,
    np.log1p: ops.log1p,
    np.sqrt: ops.sqrt,
    np.square: ops.square,
}


def predictions(estimator: Any, values: list[Any], precision: str) -> dict[str, Any]:
    """Convert the outputs of a network to predictions.

    Parameters
    ----------
    estimator : KerasClassifier or KerasRegressor
        Fitted estimator.
    values : list of KerasTensor
        Outputs of its model.
    precision : str
        Data type for the inverse transformation of the targets of a regression.

    Returns
    -------
    dict of str to KerasTensor
        "probabilities", as in ``predict_proba``, or "probabilities_0", ... for several
        columns of classes; or "predictions" of shape (n_samples, n_targets).

    Raises
    ------
    ExportError
        If the estimator has a custom target encoder.
    """
    encoder = estimator.target_encoder_
    values = [ops.cast(value, "float32") for value in values]
    if type(encoder) is ClassifierTargetEncoder:
        return _probabilities(encoder, values)
    if type(encoder) is RegressorTargetEncoder:
        flat = [ops.reshape(value, (-1, int(np.prod(value.shape[1:])))) for value in values]
        return {"predictions": ops.cast(concatenated(flat), precision)}
    raise ExportError(
        f"The target_encoder of {type(estimator).__name__} is a {type(encoder).__name__}, "
        "whose inverse transformation of predictions cannot be exported."
    )


def with_targets_back(predicted: Any, outer: TransformedTargetRegressor) -> Any:
    """Apply the inverse transformation of a ``TransformedTargetRegressor``.

    Raises
    ------
    ExportError
        If the transformation has no counterpart in Keras.
    """
    if outer.transformer is not None:
        if type(outer.transformer_) in (StandardScaler, MinMaxScaler):
            return unscaled(predicted, outer.transformer_)
        kind = type(outer.transformer_).__name__
        raise ExportError(
            f"The transformer of the targets is a {kind}. Only StandardScaler and "
            "MinMaxScaler can be exported."
        )
    if outer.inverse_func is None:
        return predicted
    for function, operation in INVERSES.items():
        if outer.inverse_func is function:
            return operation(predicted)
    names = ", ".join(f"numpy.{function.__name__}" for function in INVERSES)
    raise ExportError(
        f"inverse_func={outer.inverse_func!r} of the targets cannot be exported. Only "
        f"{names} can."
    )


def _probabilities(encoder: ClassifierTargetEncoder, values: list[Any]) -> dict[str, Any]:
    outputs = encoder._outputs or []
    exclusive = encoder.target_type_ != "multilabel-indicator"
    found = [
        _to_probabilities(value, output, exclusive)
        for value, output in zip(values, outputs, strict=True)
    ]
    if not exclusive:
        flat = [ops.reshape(p, (-1, int(np.prod(p.shape[1:])))) for p in found]
        return {"probabilities": concatenated(flat)}
    found = [_two_columns(p) for p in found]
    if encoder.target_type_ == "multiclass-multioutput":
        return {f"probabilities_{i}": p for i, p in enumerate(found)}
    return {"probabilities": found[0]}


def _to_probabilities(values: Any, output: Output, exclusive: bool) -> Any:
    if len(values.shape) == 1:
        values = ops.expand_dims(values, -1)
    width = values.shape[-1]
    among = exclusive and width > 1
    if output.scale is Scale.LOGITS:
        return ops.softmax(values, axis=-1) if among else ops.sigmoid(values)
    probabilities = ops.clip(values, 0.0, 1.0)
    if among and output.activation != "softmax":
        total = ops.sum(probabilities, axis=-1, keepdims=True)
        some = ops.greater(total, 0.0)
        shares = ops.divide(probabilities, ops.where(some, total, 1.0))
        return ops.where(some, shares, 1.0 / width)
    return probabilities


def _two_columns(probabilities: Any) -> Any:
    if probabilities.shape[-1] == 1:
        return ops.concatenate([1.0 - probabilities, probabilities], axis=-1)
    return probabilities
