"""Convert a fitted estimator to one Keras model, from the features to the predictions."""

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from skkeras_search.estimators.base import BaseWrapper
from skkeras_search.interop.export.outputs import (
    OUTPUT_NAMES,
    predictions,
    with_targets_back,
)
from skkeras_search.interop.export.preprocessing import (
    apply,
    columns_read,
    does_nothing,
    texts_of,
)
from skkeras_search.interop.export.tables import ExportError, Numbers, Table, Text


@dataclass(frozen=True)
class Feature:
    """An input of the exported model.

    Attributes
    ----------
    name : str
        Name of the input.
    shape : tuple of int or None
        Shape of a sample.
    dtype : str
        Data type; "string" for text.
    names : tuple of str
        Names of the features in the input. Empty if they have no names.
    vocabulary : tuple of str
        Known texts of a column of text. Empty for other inputs.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    names: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()

    def input(self) -> Any:
        """Return an input for the graph; for text, an input of vocabulary positions."""
        dtype = "int32" if self.vocabulary else self.dtype
        return keras.Input(self.shape, name=self.name, dtype=dtype)


@dataclass(frozen=True)
class Graph:
    """A fitted estimator as a Keras model.

    Attributes
    ----------
    features : list of Feature
        Inputs.
    model : keras.Model
        Model that maps a dict of inputs to a dict of outputs. Columns of text are
        represented by positions in the vocabulary, as returned by a ``StringLookup``.
    estimator : BaseWrapper
        The Keras estimator.
    """

    features: list[Feature]
    model: keras.Model
    estimator: BaseWrapper

    @property
    def texts(self) -> list[Feature]:
        """Inputs that are columns of text."""
        return [feature for feature in self.features if feature.vocabulary]

    def named(self) -> keras.Model:
        """Return the model with text inputs for the columns of text."""
        if not self.texts:
            return self.model
        inputs = {
            f.name: keras.Input(f.shape, name=f.name, dtype=f.dtype) for f in self.features
        }
        coded = {
            f.name: _lookup(f)(inputs[f.name]) if f.vocabulary else inputs[f.name]
            for f in self.features
        }
        return keras.Model(inputs, self.model(coded, training=False))

    def plain(self) -> keras.Model:
        """Return the model without a dict if there is a single input or output."""
        model = self.named()
        inputs = {f.name: model.input[f.name] for f in self.features}
        return keras.Model(_only(inputs), _only(model.output))


def graph_of(estimator: Any, precision: str) -> Graph:
    """Convert a fitted estimator to one model.

    Parameters
    ----------
    estimator : KerasClassifier, KerasRegressor, pipeline or search
        Fitted estimator.
    precision : {"float64", "float32"}
        Data type of the preprocessing.

    Returns
    -------
    Graph

    Raises
    ------
    ExportError
        If a part has no counterpart in Keras.
    NotFittedError
        If the estimator is not fitted.
    """
    steps, targets, last = _parts(estimator)
    _check_features_unchanged(last)
    steps = [(name, step) for name, step in steps if not does_nothing(step)]
    first = steps[0][1] if steps else last
    features = features_of(first, steps, precision) if steps else _inputs_of(last)
    inputs = {feature.name: feature.input() for feature in features}
    into: Any = list(inputs.values())
    if steps:
        table = table_of(features, into)
        for name, step in steps:
            table = apply(step, table, name)
        into = _split(last, table.numbers(f"The model of {type(last).__name__}"))
        if len(features) > 1:
            features = [features[i] for i in columns_read(Pipeline(steps), len(features))]
            inputs = {feature.name: inputs[feature.name] for feature in features}
    values = keras.tree.flatten(_call(last, into))
    outputs = predictions(last, values, precision)
    for outer in reversed(targets):
        outputs = {n: with_targets_back(value, outer) for n, value in outputs.items()}
    if "predictions" in outputs and last.y_ndim_ == 1:
        outputs["predictions"] = ops.squeeze(outputs["predictions"], -1)
    return Graph(features, keras.Model(inputs, outputs), last)


def _parts(estimator: Any) -> tuple[list[Any], list[TransformedTargetRegressor], Any]:
    """Return the steps before the Keras estimator, its target transformers, and itself."""
    steps: list[Any] = []
    targets = []
    step = estimator
    while not isinstance(step, BaseWrapper):
        if isinstance(step, FrozenEstimator):
            step = step.estimator
        elif isinstance(step, Pipeline):
            steps += step.steps[:-1]
            step = step.steps[-1][1]
        elif isinstance(step, TransformedTargetRegressor):
            check_is_fitted(step)
            targets.append(step)
            step = step.regressor_
        elif isinstance(step, BaseSearchCV) or hasattr(step, "best_estimator_"):
            step = _best(step)
        else:
            kind = f"{type(step).__module__}.{type(step).__qualname__}"
            raise ExportError(
                "estimator must be a KerasClassifier or KerasRegressor, a pipeline that "
                f"ends with one, or a search over one, got a {kind}."
            )
    check_is_fitted(step)
    return steps, targets, step


def _best(search: Any) -> Any:
    check_is_fitted(search)
    if not hasattr(search, "best_estimator_"):
        raise ExportError(
            f"This search has no best_estimator_ to export, because {_why_no_best(search)}."
        )
    return search.best_estimator_


def _why_no_best(search: Any) -> str:
    if hasattr(search, "search_class"):
        return "it was loaded from its storage, which does not contain the estimator"
    return "its fit did not end" if search.refit else "it has refit=False"


def _check_features_unchanged(estimator: BaseWrapper) -> None:
    encoder = estimator.feature_encoder_
    if not (isinstance(encoder, FunctionTransformer) and encoder.func is None):
        raise ExportError(
            f"The feature_encoder of {type(estimator).__name__} is a "
            f"{type(encoder).__name__}, which cannot be exported. Export an estimator "
            "without it, and transform the features before they enter the exported model."
        )


def features_of(first: Any, steps: list[Any], precision: str) -> list[Feature]:
    """Return the inputs of a pipeline: a single one, or one per column if some are text."""
    texts = texts_of(Pipeline([*steps, ("model", None)]), "pipeline")
    n_features = int(first.n_features_in_)
    names = tuple(map(str, getattr(first, "feature_names_in_", ())))
    if not texts:
        return [Feature("features", (n_features,), precision, names)]
    labels = _identifiers(names or [f"feature_{i}" for i in range(n_features)])
    return [
        Feature(
            label,
            (1,),
            "string" if i in texts else precision,
            names[i : i + 1],
            (*sorted(texts[i] - {""}), "") if i in texts else (),
        )
        for i, label in enumerate(labels)
    ]


def _inputs_of(estimator: BaseWrapper) -> list[Feature]:
    """Return the inputs of a model without preprocessing."""
    tensors = getattr(estimator.model_, "inputs", None)
    names = tuple(map(str, getattr(estimator, "feature_names_in_", ())))
    if not tensors:
        if estimator.X_dtype_ is None or estimator.X_dtype_.kind == "O":
            raise ExportError(
                f"The inputs of this {type(estimator.model_).__name__} are unknown. To "
                "export the model, create it with keras.Model(inputs, outputs)."
            )
        return [Feature("features", estimator.X_shape_[1:], "float32", names)]
    if len(tensors) == 1:
        return [Feature("features", tuple(tensors[0].shape[1:]), tensors[0].dtype, names)]
    labels = _identifiers(tensor.name for tensor in tensors)
    return [
        Feature(label, tuple(tensor.shape[1:]), tensor.dtype, (tensor.name,))
        for label, tensor in zip(labels, tensors, strict=True)
    ]


def _identifiers(names: Iterable[str]) -> list[str]:
    """Convert names to unique names that all formats allow and that no output has."""
    found: list[str] = []
    for name in names:
        word = re.sub(r"[^A-Za-z0-9_]", "_", name)
        if not word[:1].isalpha() or OUTPUT_NAMES.fullmatch(word):
            word = f"feature_{word}"
        others = (f"{word}_{i}" for i in itertools.count(1))
        found.append(next(w for w in itertools.chain([word], others) if w not in found))
    return found


def table_of(features: list[Feature], tensors: list[Any]) -> Table:
    """Return the inputs of the graph as a table."""
    return Table(
        tuple(
            Text(tensor, feature.vocabulary) if feature.vocabulary else Numbers(tensor)
            for feature, tensor in zip(features, tensors, strict=True)
        )
    )


def _split(estimator: BaseWrapper, features: Any) -> list[Any]:
    """Split features into the inputs of the model, as ``to_keras`` does with arrays."""
    tensors = getattr(estimator.model_, "inputs", None)
    if not tensors:
        return [ops.cast(features, "float32")]
    if len(tensors) == 1:
        blocks = [features]
    else:
        names = list(getattr(estimator, "feature_names_in_", ()))
        wanted = [tensor.name for tensor in tensors]
        widths = [int(np.prod(tensor.shape[1:])) for tensor in tensors]
        if set(wanted) <= set(names) and set(widths) == {1}:
            columns = [[names.index(name)] for name in wanted]
        else:
            edges = np.cumsum([0, *widths])
            columns = [list(range(*edge)) for edge in itertools.pairwise(edges)]
        blocks = [Numbers(features).select(some).tensor for some in columns]
    return [
        _shaped(ops.cast(block, tensor.dtype), tuple(tensor.shape[1:]))
        for block, tensor in zip(blocks, tensors, strict=True)
    ]


def _shaped(block: Any, shape: tuple[int | None, ...]) -> Any:
    known = None not in shape
    return ops.reshape(block, (-1, *shape)) if known and block.shape[1:] != shape else block


def _call(estimator: BaseWrapper, tensors: list[Any]) -> Any:
    model = estimator.model_
    inputs = getattr(model, "inputs", None) or []
    if len(tensors) == 1:
        return model(tensors[0], training=False)
    names = [tensor.name for tensor in inputs]
    structure = getattr(model, "_inputs_struct", None)
    if isinstance(structure, dict):
        return model(dict(zip(names, tensors, strict=True)), training=False)
    return model(tensors, training=False)


def _lookup(feature: Feature) -> keras.layers.Layer:
    vocabulary = list(feature.vocabulary)
    unknown = max(vocabulary, key=len) + "?"  # the default, "[UNK]", may be a category
    return keras.layers.StringLookup(
        vocabulary=vocabulary, mask_token=None, oov_token=unknown
    )


def _only(tensors: Any) -> Any:
    return next(iter(tensors.values())) if len(tensors) == 1 else tensors
