"""A fitted estimator as a file that other programs predict with."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from skkeras_search.interop.export.formats import FORMATS, Format
from skkeras_search.interop.export.graph import graph_of
from skkeras_search.interop.export.metadata import as_json, metadata_of
from skkeras_search.nearest_name import did_you_mean


def export(estimator: Any, path: str | os.PathLike[str], format: str = "keras") -> None:
    """Write a fitted estimator as one model, with its preprocessing in it.

    What is written takes the features as the estimator does, and gives what its
    ``predict_proba`` gives, or, of a regressor, its ``predict``.

    Parameters
    ----------
    estimator : KerasClassifier, KerasRegressor, Pipeline or search
        Fitted. A pipeline may have ``StandardScaler``, ``MinMaxScaler``,
        ``SimpleImputer`` and ``OneHotEncoder`` before the Keras estimator, also in a
        ``ColumnTransformer``. Around a regressor there may be a
        ``TransformedTargetRegressor``. Of a search, ``best_estimator_`` is exported.
    path : path-like
        File or folder to write. It must not exist. The name of a file must end in
        ".keras" or ".onnx".
    format : {"keras", "saved_model", "onnx", "tfjs"}, default="keras"
        A file that ``keras.saving.load_model`` reads without this package; a folder for
        ``tf.saved_model.load`` and TensorFlow Serving; a file for the runtimes of ONNX
        (``pip install skkeras-search[onnx]``); or a folder for
        ``tf.loadGraphModel`` of TensorFlow.js. For the last, its converter is installed
        once, in an environment of its own in the user's cache.

    Raises
    ------
    TypeError
        If a part of the estimator has no counterpart in Keras. The message names it.
    ValueError
        If the format is not known, or the name of the file has another ending.
    FileExistsError
        If there is something at ``path``.
    NotFittedError
        If the estimator is not fitted.
    ImportError
        If the format needs a package that is not installed.

    Notes
    -----
    Numbers come as float64 if there is preprocessing, as scikit-learn computes with them,
    but as float32 in TensorFlow.js. If some of the columns are text, each column is an
    input of shape (n_samples, 1), but for those that a ``ColumnTransformer`` drops, and the
    empty text stands for a missing one. Otherwise all are one input, "features". In
    TensorFlow.js, text comes as its number in the vocabulary, from 1, and 0 for any other
    text.

    Values that a ``OneHotEncoder`` does not know are encoded as with
    ``handle_unknown="ignore"`` where it would raise an error.

    The metadata are JSON: "inputs" with their names, shapes and vocabularies, and
    "outputs" with the classes in the order of their probabilities. They are in a file
    beside the model whose name has ".json" added; in ``assets.extra/metadata.json`` of a
    SavedModel; and in ``metadata.json`` of a folder for TensorFlow.js. ONNX
    files also have them in ``metadata_props``, under "skkeras_search", and
    TensorFlow.js in ``userDefinedMetadata`` of ``model.json``.

    Examples
    --------
    >>> import tempfile
    >>> import keras
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skkeras_search import KerasClassifier, export
    >>> X, y = load_iris(return_X_y=True)
    >>> network = keras.Sequential([keras.layers.Dense(3, activation="softmax")])
    >>> classifier = KerasClassifier(
    ...     network, loss="sparse_categorical_crossentropy", verbose=0
    ... )
    >>> pipeline = make_pipeline(StandardScaler(), classifier).fit(X, y)
    >>> folder = tempfile.mkdtemp()
    >>> export(pipeline, f"{folder}/iris.keras")
    >>> model = keras.saving.load_model(f"{folder}/iris.keras")
    >>> model.predict(X, verbose=0).shape
    (150, 3)
    """
    chosen, path = _format(format), Path(path)
    _check_path(path, chosen, format)
    graph = graph_of(estimator, chosen.precision)
    metadata = as_json(metadata_of(graph))
    # What is written appears when it is complete.
    with tempfile.TemporaryDirectory(prefix=".export-", dir=path.parent) as folder:
        written = Path(folder, path.name)
        chosen.write(graph, written, metadata)
        described = chosen.metadata_path(written)
        described.parent.mkdir(exist_ok=True)
        described.write_text(metadata, encoding="utf-8")
        if chosen.suffix:
            shutil.move(described, chosen.metadata_path(path))
        shutil.move(written, path)


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise ValueError(
            f"format must be one of {', '.join(map(repr, FORMATS))}, got {name!r}."
            f"{did_you_mean(str(name), FORMATS)}"
        )
    return FORMATS[name]


def _check_path(path: Path, chosen: Format, format: str) -> None:
    if chosen.suffix and path.suffix != chosen.suffix:
        raise ValueError(
            f"path must end in {chosen.suffix!r} for format={format!r}, got {str(path)!r}."
        )
    taken = [path, *([chosen.metadata_path(path)] if chosen.suffix else [])]
    for each in taken:
        if each.exists():
            raise FileExistsError(
                f"path={str(path)!r}: {each} exists already. Remove it, or choose another "
                "path."
            )
    if not path.parent.is_dir():
        raise FileNotFoundError(f"path={str(path)!r}: the folder {path.parent} is missing.")
