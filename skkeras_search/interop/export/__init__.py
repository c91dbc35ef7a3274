"""Export a fitted estimator to a file from which other programs can predict."""

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
    """Export a fitted estimator, including its preprocessing, as a single model.

    The exported model takes the same features as the estimator. It returns the result of
    ``predict_proba`` of a classifier, or of ``predict`` of a regressor.

    Parameters
    ----------
    estimator : estimator
        Fitted ``KerasClassifier`` or ``KerasRegressor``, a pipeline that ends with one, or
        a search over one. In a pipeline, ``StandardScaler``, ``MinMaxScaler``,
        ``SimpleImputer`` and ``OneHotEncoder`` may precede the Keras estimator, also inside
        a ``ColumnTransformer``. A regressor may be inside a ``TransformedTargetRegressor``.
        For a search, ``best_estimator_`` is exported.
    path : str or path-like
        File or directory to write, which must not exist. The name of a file must end in
        ".keras" or ".onnx", according to the format.
    format : {"keras", "saved_model", "onnx", "tfjs"}, default="keras"
        Format of the model:

        - "keras": a file for ``keras.saving.load_model``, which does not require this
          package;
        - "saved_model": a directory for ``tf.saved_model.load`` and TensorFlow Serving;
        - "onnx": a file for ONNX runtimes. Requires
          ``pip install skkeras-search[onnx]``;
        - "tfjs": a directory for ``tf.loadGraphModel`` of TensorFlow.js. The first export
          installs the converter of TensorFlow.js in a separate environment in the cache
          directory of the user, which takes 2.7 GB.

    Raises
    ------
    TypeError
        If a part of the estimator cannot be exported. The message names the part.
    ValueError
        If the format is unknown, or the file name has the wrong extension.
    FileExistsError
        If ``path``, or the file for its metadata, exists.
    FileNotFoundError
        If the parent directory of ``path`` does not exist.
    NotFittedError
        If the estimator is not fitted.
    ImportError
        If a package that the format requires is not installed.
    RuntimeError
        If the converter of TensorFlow.js fails or cannot be installed.

    Notes
    -----
    With preprocessing, numeric inputs are float64, as in scikit-learn, except in
    TensorFlow.js, where they are float32.

    If all columns are numeric, the model has a single input, "features". Without
    preprocessing, a network with several inputs keeps its inputs. If some columns are text,
    each column is a separate input of shape (n_samples, 1), without the columns that a
    ``ColumnTransformer`` drops. An empty text stands for a missing value. In TensorFlow.js,
    a text is represented by its position in the vocabulary, starting from 1, and an unknown
    text by 0.

    A category that a ``OneHotEncoder`` does not know is encoded as with
    ``handle_unknown="ignore"``, even if the encoder would raise an error.

    A JSON file describes the model: "inputs" with names, shapes and vocabularies, and
    "outputs" with the classes in the order of their probabilities. Its name is the name of
    the model file with ".json" added; ``assets.extra/metadata.json`` in the directory of a
    SavedModel; and ``metadata.json`` in the directory of a TensorFlow.js model. The same
    metadata are in ``metadata_props`` of an ONNX file, under "skkeras_search", and in
    ``userDefinedMetadata`` of the ``model.json`` of TensorFlow.js.

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
    # Files are moved to their place only when all of them are complete.
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
                f"path={str(path)!r} cannot be written, because {each} exists already. "
                "Remove it, or choose another path."
            )
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"path={str(path)!r} cannot be written, because the directory "
            f"{str(path.parent)!r} does not exist."
        )
