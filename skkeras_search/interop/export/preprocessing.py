"""Convert fitted transformers of scikit-learn to Keras operations.

A transformer can be converted if its exact class is in ``COUNTERPARTS``. Subclasses cannot,
as they may do anything.
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

# A warning is issued if a feature is farther from zero than this multiple of its spread. At
# this distance the resolution of float32 is about 1/1600 of the spread.
MOST_SPREADS = 1e4


def apply(step: Any, table: Table, name: str) -> Table:
    """Apply a fitted transformer to a table.

    Parameters
    ----------
    step : transformer or {None, "passthrough"}
        Fitted transformer.
    table : Table
        Columns to transform.
    name : str
        Name of the step, for error messages.

    Returns
    -------
    Table
        Transformed columns.

    Raises
    ------
    ExportError
        If the step has no counterpart in Keras.
    """
    if does_nothing(step):
        return table
    return _counterpart(step, name)(step, table, name)


def texts_of(step: Any, name: str) -> dict[int, set[str]]:
    """Find the text columns in the input of a transformer.

    Parameters
    ----------
    step : transformer or {None, "passthrough"}
        Fitted transformer.
    name : str
        Name of the step, for error messages.

    Returns
    -------
    dict of int to set of str
        Known texts of each text column, by the index of the column.

    Raises
    ------
    ExportError
        If a column contains both numbers and text.
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
    """Find the columns that a transformer uses; a ``ColumnTransformer`` may drop some.

    Parameters
    ----------
    step : transformer or {None, "passthrough"}
        Fitted transformer.
    n_columns : int
        Number of columns of its input.

    Returns
    -------
    list of int
        Indices of the columns, in ascending order.
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
    """Return whether a step of a pipeline or ``ColumnTransformer`` changes nothing."""
    if isinstance(step, FunctionTransformer):
        return step.func is None
    return step is None or (isinstance(step, str) and step == "passthrough")


def missing(value: Any) -> bool:
    """Return whether a value is None or NaN, which stand for a missing value."""
    if value is None or is_pandas_na(value):
        return True
    return isinstance(value, numbers.Real) and math.isnan(value)


def scaled(tensor: Any, scaler: StandardScaler | MinMaxScaler) -> Any:
    """Scale columns of numbers in their data type."""
    dtype = tensor.dtype
    _warn_of_digits(scaler, dtype)
    if isinstance(scaler, StandardScaler):
        if scaler.mean_ is not None and scaler.with_mean:
            tensor = ops.subtract(tensor, scaler.mean_.astype(dtype))
        if scaler.scale_ is not None:
            tensor = ops.divide(tensor, scaler.scale_.astype(dtype))
        return tensor
    low, high = scaler.feature_range
    # (x - data_min) * scale + low equals x * scale + min_ of scikit-learn, without the
    # cancellation that would lose digits of float32.
    tensor = ops.subtract(tensor, scaler.data_min_.astype(dtype))
    tensor = ops.add(ops.multiply(tensor, scaler.scale_.astype(dtype)), _number(low, dtype))
    return ops.clip(tensor, low, high) if scaler.clip else tensor


def unscaled(tensor: Any, scaler: StandardScaler | MinMaxScaler) -> Any:
    """Invert ``scaled``."""
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
    """Issue a warning if features vary too little for the precision of float32."""
    is_standard = isinstance(scaler, StandardScaler)
    center = scaler.mean_ if is_standard else scaler.data_min_
    spread = scaler.scale_ if is_standard else 1 / scaler.scale_
    if dtype != "float32" or center is None or spread is None:
        return
    lost = np.flatnonzero(np.abs(center) > MOST_SPREADS * spread).tolist()
    if lost:
        warnings.warn(
            f"The columns {lost} of {type(scaler).__name__} vary little compared with "
            "their distance from zero, so float32, which this format uses, loses "
            "precision. Subtract a constant from these columns before fit.",
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
            f"{name} replaces the text {step.missing_values!r}. In an exported model, only "
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
            f"{name} has add_indicator=True and columns of text. This combination cannot "
            "be exported."
        )
    tensor = column.tensor
    return Table((Numbers(ops.cast(_is_missing(step, tensor), tensor.dtype)),))


def _encode(step: OneHotEncoder, table: Table, name: str) -> Table:
    """Encode each column, and put the results side by side."""
    encoded = []
    positions = _positions(step)
    for i, column in enumerate(table.columns()):
        known = list(step.categories_[i])
        if isinstance(column, Text):
            numbers = _numbers_of_texts(column, known)
            found = ops.take(positions[i][numbers], column.codes, axis=0)
        else:
            found = ops.take(positions[i], _number_of(column, known, name), axis=0)
        # one_hot is not used, because -1 means the last position in ONNX.
        width = np.arange(step._n_features_outs[i], dtype="int32")
        encoded.append(Numbers(ops.cast(ops.equal(found, width), "float32")))
    return Table(tuple(part for part in encoded if part.width))


def _numbers_of_texts(column: Text, known: list[Any]) -> list[int]:
    """Map each text of the vocabulary to the number of its category, 0 if it has none."""
    positions = {str(value): 1 + k for k, value in enumerate(known) if not missing(value)}
    of_missing = next((1 + k for k, value in enumerate(known) if missing(value)), 0)
    if column.missing is not None:
        of_missing = positions.get(column.missing, 0)
    codes = [0, *(positions.get(text, 0) for text in column.vocabulary[:-1])]
    return [*codes, positions.get("", of_missing)]


def _number_of(column: Numbers, known: list[Any], name: str) -> Any:
    """Map numbers to the numbers of their categories, 0 if they have none."""
    if any(isinstance(value, str) for value in known):
        raise ExportError(
            f"{name} encodes text that an earlier step has changed or created. In an "
            "exported model, only unchanged text can be encoded."
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
    """Return, for each column, the position of the 1 in the encoding of each category.

    The position is -1 if the encoding has no 1. An unknown value comes before the
    categories. The positions are found by encoding all categories with the encoder, so that
    dropped and infrequent categories are treated correctly.
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
        warnings.simplefilter("ignore", UserWarning)  # about the unknown value
        return tolerant.transform(np.array(rows, object if has_objects else float))


def _unknown(known: Any) -> Any:
    """Return a value that is not one of the categories."""
    present = [value for value in known if not missing(value)]
    if any(isinstance(value, str) for value in present):
        return max(present, key=len) + "?"
    taken = set(present)
    return next(float(n) for n in itertools.count() if n not in taken)


def _texts(values: Any, name: str) -> set[str] | None:
    """Return the texts among values, or None if the values are numbers."""
    present = [value for value in values if not missing(value)]
    texts = {str(value) for value in present if isinstance(value, str)}
    if texts and len(texts) < len(present):
        raise ExportError(
            f"{name} has a column of numbers and text, such as {present[0]!r} and "
            f"{present[-1]!r}. A column of an exported model must be one or the other."
        )
    others = [v for v in present if not isinstance(v, (str, numbers.Real, np.bool_))]
    if others:
        raise ExportError(
            f"{name} has a column of type {type(others[0]).__name__}, such as "
            f"{others[0]!r}. A column of an exported model must be numbers or text."
        )
    return texts or None


def _texts_of_pipeline(step: Pipeline, name: str) -> dict[int, set[str]]:
    """Find the texts of the first step, and of the steps that follow imputers."""
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
    """Yield the fitted transformers that have columns, with the indices of the columns."""
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
            f"The step {name!r}, a {kind}, cannot be exported. Only {NAMES} can. Export "
            "the part of the pipeline after this step, and apply the step separately."
        ) from None
