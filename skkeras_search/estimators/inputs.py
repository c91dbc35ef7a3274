"""Check ``X`` and convert it to the inputs of a model.

The following are accepted: a two-dimensional array, data frame or sparse matrix; arrays
with more dimensions; a one-dimensional sequence of strings; and, for models with several
inputs, a dict or list of arrays, a ``MultiInput``, or a data frame whose columns feed the
inputs.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import keras
import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from skkeras_search.estimators.multi_input import MultiInput

# Keras's message about an input with too few or too many dimensions.
WRONG_RANK = re.compile(
    r"of layer ['\"](?P<layer>[^'\"]+)['\"] is incompatible with the layer: "
    r"expected (?:\w+_)?ndim=(?P<expected>\d+), found ndim=(?P<found>\d+)"
)
# What the samples are, by the number of dimensions of X.
SAMPLES = {
    2: ("rows", "of shape (n_features,)"),
    3: ("sequences", "of shape (n_steps, n_features)"),
    4: ("images", "of shape (height, width, channels)"),
    5: ("volumes", "of shape (depth, height, width, channels)"),
}

Validated = Any  # ndarray, CSR matrix or MultiInput


def validate_inputs(estimator: BaseEstimator, X: Any, *, reset: bool) -> Validated:
    """Check ``X``, and set or compare the number and names of its features.

    Parameters
    ----------
    estimator : estimator
        If ``reset``, its attributes ``n_features_in_``, ``feature_names_in_``,
        ``X_shape_`` and ``X_dtype_`` are set.
    X : array-like, sparse matrix, data frame, dict or list of arrays, MultiInput
        Samples.
    reset : bool
        Whether to set these attributes, as in ``fit``. If False, ``X`` is compared with
        them.

    Returns
    -------
    checked : ndarray, CSR matrix or MultiInput
        The samples.

    Raises
    ------
    ValueError
        If values are missing or infinite, or the features differ from those of ``fit``.
    """
    _refuse_batches(X)
    several = _several_inputs(X)
    checked: Validated
    if several is not None:
        if hasattr(X, "columns") and X.columns.nlevels == 1:
            validate_data(estimator, X, reset=reset, skip_check_array=True)
        checked = several.map(lambda array: _check_values(estimator, array))
        n_features = sum(prod(array.shape[1:]) for array in checked)
    elif is_text(X):
        checked = np.asarray(X, dtype=object)
        n_features = 1
    elif _is_text_array(X):
        checked = X.astype(object)
        n_features = checked.shape[1]
    else:
        checked = validate_data(
            estimator,
            X,
            reset=reset,
            dtype=None if _is_numeric(X) else keras.config.floatx(),
            accept_sparse="csr",
            allow_nd=True,
        )
        n_features = checked.shape[1]
    shape = checked.shape if several is None else (len(several), n_features)
    if reset:
        estimator.n_features_in_ = n_features
        estimator.X_shape_ = shape
        estimator.X_dtype_ = getattr(checked, "dtype", None)
    elif len(shape) != len(estimator.X_shape_):
        raise ValueError(
            f"X has {len(shape)} dimensions, but this {type(estimator).__name__} is "
            f"expecting {len(estimator.X_shape_)} dimensions in X."
        )
    elif n_features != estimator.n_features_in_:
        raise ValueError(
            f"X has {n_features} features, but {type(estimator).__name__} is "
            f"expecting {estimator.n_features_in_} features as input."
        )
    return checked


def is_text(X: Any) -> bool:
    """Whether ``X`` is a one-dimensional sequence of strings."""
    if isinstance(X, (str, bytes)) or issparse(X) or getattr(X, "ndim", 1) != 1:
        return False
    if not hasattr(X, "__len__") or not len(X):
        return False
    return all(isinstance(text, str) for text in X)


def to_keras(X: Validated, model: keras.Model, names: Any = None) -> Any:
    """Arrange checked data as the inputs of a model.

    Parameters
    ----------
    X : ndarray, CSR matrix or MultiInput
        Samples, as ``validate_inputs`` returns them.
    model : keras.Model
        The model, whose inputs need not be known.
    names : ndarray of str, optional
        Names of the columns of ``X``.

    Returns
    -------
    arranged : ndarray, CSR matrix, or dict or tuple of ndarray
        One array for each input.

    Raises
    ------
    ValueError
        If ``X`` does not have the shape that an input expects, or does not match the
        inputs of the model.
    """
    inputs = getattr(model, "inputs", None) or []
    if len(inputs) > 1 and isinstance(X, np.ndarray):
        X = _split_columns(X, inputs, names)
    if isinstance(X, (dict, list, tuple)):  # from a user's feature_encoder
        X = MultiInput(X)
    if isinstance(X, MultiInput):
        if not inputs and isinstance(model, keras.Sequential):
            _refuse_text_columns(X)  # the model will have one input
        return _named_inputs(X, inputs)
    if inputs:
        return _fitted_to(X, inputs[0], "X")
    return _text_tensor(X) if X.dtype.kind == "O" else X


@contextmanager
def shapes_explained(shape: tuple[int, ...]) -> Iterator[None]:
    """Explain Keras's error if a layer does not accept the number of dimensions of ``X``.

    Parameters
    ----------
    shape : tuple of int
        Shape of ``X``.

    Raises
    ------
    ValueError
        Instead of Keras's error, with the shape that the layer expects.
    """
    try:
        yield
    except ValueError as error:
        found = WRONG_RANK.search(str(error))
        if found is None or int(found["found"]) != len(shape):
            raise
        n_dims = int(found["expected"])
        what, sample = SAMPLES.get(n_dims, ("arrays", f"of {n_dims - 1} dimensions"))
        raise ValueError(
            f"The layer {found['layer']!r} expects {what}, each {sample}, but X has shape "
            f"{('n_samples', *shape[1:])}. Reshape X before fit, or begin the model with a "
            f"keras.layers.Reshape layer. Error of Keras: {error}"
        ) from error


def take_rows(X: Validated, rows: Any) -> Validated:
    """Some rows of checked data, also after ``to_keras``."""
    return keras.tree.map_structure(lambda array: array[rows], X)


def dense(X: Any) -> Any:
    """The same rows as a dense array."""
    return X.toarray() if hasattr(X, "toarray") else X


def _refuse_batches(X: Any) -> None:
    """Refuse data that come in batches, which cannot be split into folds."""
    is_loader = isinstance(X, (Iterator, keras.utils.PyDataset))
    is_dataset = hasattr(type(X), "element_spec")  # of TensorFlow
    if is_loader or is_dataset or type(X).__name__ == "DataLoader":
        raise TypeError(
            "X must be an array, a data frame, or several of them, got "
            f"{type(X).__name__}. Load all samples into arrays, as in fit(X, y)."
        )


def _refuse_text_columns(X: MultiInput) -> None:
    """Refuse a data frame with text if its columns cannot be separate inputs."""
    arrays = X.arrays.items() if isinstance(X.arrays, dict) else ()
    text = [name for name, array in arrays if array.dtype.kind == "O"]
    if text and len(arrays) > 1:
        raise ValueError(
            f"The columns {text} of X contain text, so each column is passed to an input "
            "of its own, but the model has one input. Encode these columns in a pipeline "
            "before the estimator, for example by sklearn.preprocessing.OneHotEncoder."
        )


def _several_inputs(X: Any) -> MultiInput | None:
    """``X`` as several arrays; None if it is a single array."""
    if isinstance(X, MultiInput) or issparse(X):  # a DOK matrix is also a dict
        return X if isinstance(X, MultiInput) else None
    if isinstance(X, dict) or _is_list_of_arrays(X):
        return MultiInput(X)
    if getattr(X, "columns", None) is None or not hasattr(X, "iloc"):
        return None
    if X.columns.nlevels > 1:
        groups = X.columns.get_level_values(0).unique()
        return MultiInput({name: X[name].to_numpy() for name in groups})
    if all(isinstance(name, str) for name in X.columns) and _has_text_column(X):
        return MultiInput({name: X[[name]].to_numpy() for name in X.columns})
    return None


def _is_list_of_arrays(X: Any) -> bool:
    # The arrays in a list of rows have only one dimension.
    return (
        isinstance(X, (list, tuple))
        and bool(X)
        and all(isinstance(array, np.ndarray) and array.ndim > 1 for array in X)
    )


def _is_text_array(X: Any) -> bool:
    if not isinstance(X, np.ndarray) or X.ndim < 2 or not is_text(X.ravel()):
        return False
    try:
        X.astype(float)
    except ValueError:
        return True
    return False  # numbers in text form


def _has_text_column(X: Any) -> bool:
    def text(column: Any) -> bool:
        return not _is_numeric(column) and is_text(column)

    return any(text(X[name].to_numpy()) for name in X.columns)


def _is_numeric(X: Any) -> bool:
    return issparse(X) or np.asarray(X).dtype.kind in "biufc"


def _check_values(estimator: BaseEstimator, array: np.ndarray) -> np.ndarray:
    if is_text(array.ravel()):
        return array.astype(object)
    numeric = None if _is_numeric(array) else keras.config.floatx()
    return check_array(
        array,
        dtype=numeric,
        allow_nd=True,
        ensure_2d=False,
        estimator=estimator,
        input_name="X",
    )


def _split_columns(X: np.ndarray, inputs: list[Any], names: Any) -> MultiInput:
    """Split the columns of ``X`` among the inputs, by name or else by width and order."""
    widths = [
        prod(tensor.shape[1:]) if None not in tensor.shape[1:] else -1 for tensor in inputs
    ]
    wanted = [tensor.name for tensor in inputs]
    columns = [] if names is None else list(names)
    if set(wanted) <= set(columns) and set(widths) == {1}:
        return MultiInput({name: X[:, [columns.index(name)]] for name in wanted})
    if X.ndim == 2 and X.shape[1] == sum(widths) and -1 not in widths:
        blocks = np.split(X, np.cumsum(widths)[:-1], axis=1)
        return MultiInput(dict(zip(wanted, blocks, strict=True)))
    raise ValueError(
        f"The model has {len(inputs)} inputs ({', '.join(map(repr, wanted))}), but X is "
        f"one array of shape {X.shape}, whose columns match neither the names nor the "
        "widths of the inputs. Pass MultiInput({name: array, ...}), or a data frame with "
        "one column for each input."
    )


def _named_inputs(X: MultiInput, inputs: list[Any]) -> Any:
    arrays = X.arrays
    if not inputs:  # a subclassed model, whose inputs are not known
        return arrays if isinstance(arrays, dict) else tuple(arrays)
    if len(arrays) != len(inputs) and not isinstance(arrays, dict):
        raise ValueError(
            f"X has {len(arrays)} arrays, but the model has {len(inputs)} inputs."
        )
    if len(arrays) == len(inputs) == 1:
        return _fitted_to(next(iter(X)), inputs[0], "X")
    if isinstance(arrays, dict):
        missing = [tensor.name for tensor in inputs if tensor.name not in arrays]
        if missing:
            if len(inputs) == 1:
                _refuse_text_columns(X)
            raise ValueError(
                f"The model's inputs {missing} are not in X, which has {sorted(arrays)}. "
                "Give the inputs of the model the names of the arrays in X."
            )
        return {t.name: _fitted_to(arrays[t.name], t, t.name) for t in inputs}
    return tuple(
        _fitted_to(array, tensor, f"X[{i}]")
        for i, (array, tensor) in enumerate(zip(arrays, inputs, strict=True))
    )


def _fitted_to(array: Any, tensor: Any, name: str) -> Any:
    """Check an array against one input, and give it the rank it needs."""
    expected, got = tuple(tensor.shape[1:]), tuple(array.shape[1:])
    text = array.dtype.kind == "O"
    if text != (tensor.dtype == "string"):
        holds, wants = ("text", tensor.dtype) if text else (array.dtype, "text")
        raise ValueError(f"{name} contains {holds}, but the model's input needs {wants}.")
    if got == () and expected == (1,):
        array, got = array[:, np.newaxis], expected
    elif got == (1,) and expected == ():
        array, got = array[:, 0], expected
    if text:
        return _text_tensor(array)
    if (*got, 1) == expected or (*expected, 1) == got:
        return array  # Keras adds or drops a last dimension of size 1
    if len(got) != len(expected) or any(
        want not in (None, have) for want, have in zip(expected, got, strict=True)
    ):
        reshape = f"X.reshape({', '.join(map(str, (-1, *expected)))})"
        raise ValueError(
            f"{name} has shape {('n_samples', *got)}, but the model's input expects "
            f"{('n_samples', *expected)}. "
            + (
                f"Reshape it, as in {reshape}."
                if None not in expected and prod(got) == prod(expected)
                else "A build function receives the number of features as "
                "meta['n_features_in_'], and the shape as meta['X_shape_']."
            )
        )
    return array


def _text_tensor(array: np.ndarray) -> Any:
    return keras.ops.convert_to_tensor(array.tolist())  # Keras rejects object arrays
