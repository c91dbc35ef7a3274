"""Fitted transformers of scikit-learn as operations of Keras.

A transformer has a counterpart here if its exact class is in ``COUNTERPARTS``. A class that
derives from one of these may do anything, and has none.
"""

import copy
import itertools
import math
import numbers
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from keras import ops
from sklearn import config_context
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    StandardScaler,
)
from sklearn.utils._missing import is_pandas_na

from skkeras_search.interop.export.tables import (
    ExportError,
    Numbers,
    Table,
    Text,
    beside,
)

# From so far from zero, in spreads of a feature, float32 sees it by steps of 1/1600 spread.
MOST_SPREADS = 1e4


def apply(step: Any, table: Table, name: str) -> Table:
    """Transform a table as a fitted transformer does.

    Parameters
    ----------
    step : transformer or {None, "passthrough"}
    table : Table
    name : str
        Of the step, for messages.

    Returns
    -------
    Table

    Raises
    ------
    ExportError
        If the step has no counterpart in Keras.
    """
    if does_nothing(step):
        return table
    return _counterpart(step, name)(step, table, name)


def texts_of(step: Any, name: str) -> dict[int, set[str]]:
    """Find the columns that a transformer takes for text.

    Parameters
    ----------
    step : transformer or {None, "passthrough"}
    name : str

    Returns
    -------
    dict of int to set of str
        For each such column, the texts that the transformer knows.

    Raises
    ------
    ExportError
        If a column has numbers and text.
    """
    if isinstance(step, FrozenEstimator):
        return texts_of(step.estimator, name)
    if isinstance(step, Pipeline):
        return _texts_of_pipeline(step, name)
    if isinstance(step, ColumnTransformer):
        return _texts_of_parts(step, name)
    if isinstance(step, OneHotEncoder):
        known = [_texts(categories, name) for categories in step.categories_]
    elif isinstance(step, SimpleImputer):
        known = [_texts([value], name) for value in step.statistics_]
    else:
        return {}
    return {i: texts for i, texts in enumerate(known) if texts is not None}


def columns_read(step: Any, n_columns: int) -> list[int]:
    """Find the columns that a transformer reads, which a ``ColumnTransformer`` may not.

    Parameters
    ----------
    step : transformer or {None, "passthrough"}
    n_columns : int
        That come to it.

    Returns
    -------
    list of int
        In order.
    """
    if isinstance(step, FrozenEstimator):
        return columns_read(step.estimator, n_columns)
    if isinstance(step, Pipeline):
        parts = (part for _, part in step.steps if not does_nothing(part))
        return columns_read(next(parts, None), n_columns)
    if isinstance(step, ColumnTransformer):
        return sorted(
            {
                columns[i]
                for _, part, columns in _parts(step)
                for i in columns_read(part, len(columns))
            }
        )
    return list(range(n_columns))


def does_nothing(step: Any) -> bool:
    """Whether a step of a pipeline or a part of a ``ColumnTransformer`` changes nothing."""
    if isinstance(step, FunctionTransformer):
        return step.func is None
    return step is None or (isinstance(step, str) and step == "passthrough")


def missing(value: Any) -> bool:
    """Whether a value stands for one that is missing."""
    if value is None or is_pandas_na(value):
        return True
    return isinstance(value, numbers.Real) and math.isnan(value)


def scaled(tensor: Any, scaler: StandardScaler | MinMaxScaler) -> Any:
    """Scale columns of numbers, in the precision that they have."""
    dtype = tensor.dtype
    _warn_of_digits(scaler, dtype)
    if isinstance(scaler, StandardScaler):
        if scaler.mean_ is not None and scaler.with_mean:
            tensor = ops.subtract(tensor, scaler.mean_.astype(dtype))
        if scaler.scale_ is not None:
            tensor = ops.divide(tensor, scaler.scale_.astype(dtype))
        return tensor
    low, high = scaler.feature_range
    # (x - data_min) * scale + low is scikit-learn's x * scale + min_, without the
    # cancellation that costs float32 its digits.
    tensor = ops.subtract(tensor, scaler.data_min_.astype(dtype))
    tensor = ops.add(ops.multiply(tensor, scaler.scale_.astype(dtype)), _number(low, dtype))
    return ops.clip(tensor, low, high) if scaler.clip else tensor


def unscaled(tensor: Any, scaler: StandardScaler | MinMaxScaler) -> Any:
    """Take back what ``scaled`` does."""
    dtype = tensor.dtype
    if isinstance(scaler, StandardScaler):
        if scaler.scale_ is not None:
            tensor = ops.multiply(tensor, scaler.scale_.astype(dtype))
        if scaler.mean_ is not None and scaler.with_mean:
            tensor = ops.add(tensor, scaler.mean_.astype(dtype))
        return tensor
    tensor = ops.subtract(tensor, scaler.min_.astype(dtype))
    return ops.divide(tensor, scaler.scale_.astype(dtype))


def _warn_of_digits(scaler: StandardScaler | MinMaxScaler, dtype: str) -> None:
    """Say which features vary too little for the digits of float32."""
    is_standard = isinstance(scaler, StandardScaler)
    center = scaler.mean_ if is_standard else scaler.data_min_
    spread = scaler.scale_ if is_standard else 1 / scaler.scale_
    if dtype != "float32" or center is None or spread is None:
        return
    lost = np.flatnonzero(np.abs(center) > MOST_SPREADS * spread).tolist()
    if lost:
        warnings.warn(
            f"The columns {lost} that {type(scaler).__name__} scales are far from zero for "
            "how little they vary. float32, in which this format computes, has too few "
            "digits for them. Subtract a constant from them before fit.",
            stacklevel=2,
        )


def _scale(step: StandardScaler | MinMaxScaler, table: Table, name: str) -> Table:
    return Table((Numbers(scaled(table.numbers(name), step)),))


def _freeze(step: FrozenEstimator, table: Table, name: str) -> Table:
    return apply(step.estimator, table, name)


def _pipe(step: Pipeline, table: Table, name: str) -> Table:
    for inner, part in step.steps:
        table = apply(part, table, f"{name}__{inner}")
    return table


def _distribute(step: ColumnTransformer, table: Table, name: str) -> Table:
    weights = step.transformer_weights or {}
    tables = []
    for inner, part, columns in _parts(step):
        path = f"{name}__{inner}"
        transformed = apply(part, table.select(columns), path)
        if inner in weights:
            tensor = transformed.numbers(path)
            factor = _number(weights[inner], tensor.dtype)
            transformed = Table((Numbers(ops.multiply(tensor, factor)),))
        tables.append(transformed)
    return beside(tables)


def _impute(step: SimpleImputer, table: Table, name: str) -> Table:
    columns = []
    for i, column in enumerate(table.columns()):
        value = step.statistics_[i]
        if isinstance(column, Text):
            columns.append(_impute_text(step, column, value, name))
        elif not missing(value):
            filled = _where_missing(step, column.tensor, value)
            columns.append(Table((Numbers(filled),)))
    if step.add_indicator:
        indicated = [table.columns()[i] for i in step.indicator_.features_]
        columns += [_indicate(step, column, name) for column in indicated]
    if all(isinstance(part, Numbers) for each in columns for part in each.parts):
        return Table((Numbers(beside(columns).numbers(name)),))
    return beside(columns)


def _impute_text(step: SimpleImputer, column: Text, value: Any, name: str) -> Table:
    if not missing(step.missing_values) and step.missing_values != "":
        raise ExportError(
            f"{name} replaces the text {step.missing_values!r}; in an exported model only "
            "missing text (None, NaN or '') can be replaced."
        )
    return Table((Text(column.codes, column.vocabulary, str(value)),))


def _where_missing(step: SimpleImputer, tensor: Any, value: Any) -> Any:
    return ops.where(_is_missing(step, tensor), _number(value, tensor.dtype), tensor)


def _is_missing(step: SimpleImputer, tensor: Any) -> Any:
    if missing(step.missing_values):
        return ops.isnan(tensor)
    return ops.equal(tensor, _number(step.missing_values, tensor.dtype))


def _indicate(step: SimpleImputer, column: Numbers | Text, name: str) -> Table:
    if isinstance(column, Text):
        raise ExportError(
            f"{name} has add_indicator=True and columns of text, which has no counterpart "
            "in an exported model."
        )
    tensor = column.tensor
    return Table((Numbers(ops.cast(_is_missing(step, tensor), tensor.dtype)),))


def _encode(step: OneHotEncoder, table: Table, name: str) -> Table:
    """Encode each column, and put the encoded ones beside each other."""
    encoded = []
    positions = _positions(step)
    for i, column in enumerate(table.columns()):
        known = list(step.categories_[i])
        if isinstance(column, Text):
            numbers = _numbers_of_texts(column, known)
            found = ops.take(positions[i][numbers], column.codes, axis=0)
        else:
            found = ops.take(positions[i], _number_of(column, known, name), axis=0)
        # Not one_hot: in ONNX, -1 is the last position.
        width = np.arange(step._n_features_outs[i], dtype="int32")
        encoded.append(Numbers(ops.cast(ops.equal(found, width), "float32")))
    return Table(tuple(part for part in encoded if part.width))


def _numbers_of_texts(column: Text, known: list[Any]) -> list[int]:
    """Give each text of the vocabulary its category: 0 for none, then the categories."""
    positions = {str(value): 1 + k for k, value in enumerate(known) if not missing(value)}
    of_missing = next((1 + k for k, value in enumerate(known) if missing(value)), 0)
    if column.missing is not None:
        of_missing = positions.get(column.missing, 0)
    codes = [0, *(positions.get(text, 0) for text in column.vocabulary[:-1])]
    return [*codes, positions.get("", of_missing)]


def _number_of(column: Numbers, known: list[Any], name: str) -> Any:
    """Give each number its category: 0 for none, then the categories."""
    if any(isinstance(value, str) for value in known):
        raise ExportError(
            f"{name} encodes text that an earlier step has changed or made; an exported "
            "model can only encode text as it comes."
        )
    tensor = column.tensor
    are_missing = np.array([missing(value) for value in known])
    values = [0 if missing(value) else value for value in known]
    is_category = ops.where(
        are_missing, ops.isnan(tensor), ops.equal(tensor, _number(values, tensor.dtype))
    )
    categories = np.arange(1, 1 + len(known), dtype="int32")
    return ops.max(ops.where(is_category, categories, 0), axis=1, keepdims=True)


def _positions(step: OneHotEncoder) -> list[np.ndarray]:
    """Say at which of the columns made of a column each category is 1, -1 for none.

    An unknown value is before the categories. The encoder itself says where they are, so
    that dropped and infrequent categories are as it has them.
    """
    values = [[_unknown(known), *known] for known in step.categories_]
    longest = max(map(len, values))
    rows = [column + column[:1] * (longest - len(column)) for column in values]
    encoded = _encoded(step, list(zip(*rows, strict=True)))
    edges = itertools.pairwise(np.cumsum([0, *step._n_features_outs]))
    found = []
    for column, (start, stop) in zip(values, edges, strict=True):
        positions = np.full(len(column), -1, "int32")
        ones = encoded[: len(column), start:stop].tocoo()
        positions[ones.row] = ones.col
        found.append(positions)
    return found


def _encoded(step: OneHotEncoder, rows: list[Any]) -> Any:
    """Encode rows as a sparse matrix."""
    tolerant = copy.copy(step)
    tolerant.sparse_output = True
    if tolerant.handle_unknown == "error":
        tolerant.handle_unknown = "ignore"
    for name in ("feature_names_in_", "_sklearn_output_config"):
        vars(tolerant).pop(name, None)
    has_objects = any(categories.dtype.kind in "OUST" for categories in step.categories_)
    with warnings.catch_warnings(), config_context(transform_output="default"):
        warnings.simplefilter("ignore", UserWarning)  # of the unknown value
        return tolerant.transform(np.array(rows, object if has_objects else float))


def _unknown(known: Any) -> Any:
    """A value that is none of the categories."""
    present = [value for value in known if not missing(value)]
    if any(isinstance(value, str) for value in present):
        return max(present, key=len) + "?"
    taken = set(present)
    return next(float(n) for n in itertools.count() if n not in taken)


def _texts(values: Any, name: str) -> set[str] | None:
    """The texts among values, None if they are numbers."""
    present = [value for value in values if not missing(value)]
    texts = {str(value) for value in present if isinstance(value, str)}
    if texts and len(texts) < len(present):
        raise ExportError(
            f"{name} has a column of numbers and text, such as {present[0]!r} and "
            f"{present[-1]!r}; a column of an exported model is one or the other."
        )
    others = [v for v in present if not isinstance(v, (str, numbers.Real, np.bool_))]
    if others:
        raise ExportError(
            f"{name} has a column of {type(others[0]).__name__}, such as {others[0]!r}; "
            "a column of an exported model is numbers or text."
        )
    return texts or None


def _texts_of_pipeline(step: Pipeline, name: str) -> dict[int, set[str]]:
    """Of the first step, and of those that come after imputers, which keep columns."""
    found: dict[int, set[str]] = {}
    for inner, part in step.steps:
        if does_nothing(part):
            continue
        for i, texts in texts_of(part, f"{name}__{inner}").items():
            found.setdefault(i, set()).update(texts)
        if not isinstance(part, SimpleImputer) or not _keeps_columns(part):
            break
    return found


def _keeps_columns(imputer: SimpleImputer) -> bool:
    return not imputer.add_indicator and not any(map(missing, imputer.statistics_))


def _texts_of_parts(step: ColumnTransformer, name: str) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for inner, part, columns in _parts(step):
        for i, texts in texts_of(part, f"{name}__{inner}").items():
            found.setdefault(columns[i], set()).update(texts)
    return found


def _parts(step: ColumnTransformer) -> Iterator[tuple[str, Any, list[int]]]:
    """The fitted transformers with the positions of their columns, where they have some."""
    for name, part, _ in step.transformers_:
        columns = list(step._transformer_to_input_indices[name])
        if columns and not (isinstance(part, str) and part == "drop"):
            yield name, part, [int(column) for column in columns]


def _number(value: Any, dtype: str) -> np.ndarray:
    return np.array(value, dtype=dtype)


COUNTERPARTS: dict[type, Callable[[Any, Table, str], Table]] = {
    StandardScaler: _scale,
    MinMaxScaler: _scale,
    SimpleImputer: _impute,
    OneHotEncoder: _encode,
    ColumnTransformer: _distribute,
    Pipeline: _pipe,
    FrozenEstimator: _freeze,
}
NAMES = "StandardScaler, MinMaxScaler, SimpleImputer, OneHotEncoder and ColumnTransformer"


def _counterpart(step: Any, name: str) -> Callable[[Any, Table, str], Table]:
    try:
        return COUNTERPARTS[type(step)]
    except KeyError:
        kind = f"{type(step).__module__}.{type(step).__qualname__}"
        raise ExportError(
            f"The step {name!r}, a {kind}, cannot go along into an exported model; only "
            f"{NAMES} can. Export the part after it, and do what it does before."
        ) from None
