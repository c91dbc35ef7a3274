"""Write ONNX files with the exporter of Keras."""

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np

from skkeras_search.interop.export.graph import Feature, Graph
from skkeras_search.interop.export.tables import ExportError

# Operator domain of LabelEncoder, which the exporter of Keras does not import.
ML_DOMAIN, ML_VERSION = "ai.onnx.ml", 2
STRING = 8  # onnx.TensorProto.STRING


def write_onnx(graph: Graph, path: Path, metadata: str) -> None:
    """Write an ONNX file with named inputs and outputs, and with the metadata.

    Raises
    ------
    ImportError
        If tf2onnx or onnx is not installed.
    ExportError
        If the network itself has a text input.
    """
    check_numbers(graph, "onnx")
    onnx = _onnx()
    # The exporter requires a model that was called before.
    graph.model({f.name: _zeros(f) for f in graph.features})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)  # tf2onnx and numpy
        graph.model.export(path, format="onnx", verbose=False)
    model = onnx.load(path)
    _name_outputs(model.graph, list(graph.model.output))
    for feature in graph.texts:
        _encode_text(onnx.helper, model.graph, feature)
    if graph.texts:
        model.opset_import.append(onnx.helper.make_opsetid(ML_DOMAIN, ML_VERSION))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "n_samples"
    onnx.helper.set_model_props(model, {"skkeras_search": metadata})
    onnx.checker.check_model(model)
    onnx.save(model, path)


def check_numbers(graph: Graph, format: str) -> None:
    """Check that the network itself has no text input.

    Raises
    ------
    ExportError
        If the network has a text input.
    """
    for feature in graph.features:
        if feature.dtype == "string" and not feature.vocabulary:
            raise ExportError(
                f"The model of {type(graph.estimator).__name__} has a text input, which "
                f"format={format!r} does not support. Use 'keras' or 'saved_model'."
            )


def _onnx() -> Any:
    try:
        import onnx
        import tf2onnx  # noqa: F401  # required by the exporter of Keras
    except ImportError as error:
        raise ImportError(
            "format='onnx' requires tf2onnx and onnx. Install them with pip install "
            "skkeras-search[onnx]."
        ) from error
    return onnx


def _zeros(feature: Feature) -> np.ndarray:
    dtype = "int32" if feature.vocabulary else feature.dtype
    return np.zeros([1, *(size or 1 for size in feature.shape)], dtype)


def _name_outputs(graph: Any, names: list[str]) -> None:
    """Give the outputs the names of the model, which are in the order of Keras."""
    in_order = keras.tree.flatten({name: name for name in names})
    for output, name in zip(graph.output, in_order, strict=True):
        for node in graph.node:
            for wires in (node.input, node.output):
                wires[:] = [name if wire == output.name else wire for wire in wires]
        output.name = name


def _encode_text(helper: Any, graph: Any, feature: Feature) -> None:
    """Put a LabelEncoder before an input, instead of the StringLookup."""
    coded = next(value for value in graph.input if value.name == feature.name)
    shape = [None, *feature.shape]
    looked_up, number = f"{feature.name}__lookup", f"{feature.name}__code"
    for node in graph.node:
        node.input[:] = [number if wire == feature.name else wire for wire in node.input]
    encoder = helper.make_node(
        "LabelEncoder",
        [feature.name],
        [looked_up],
        domain=ML_DOMAIN,
        keys_strings=list(feature.vocabulary),
        values_int64s=list(range(1, 1 + len(feature.vocabulary))),
        default_int64=0,
    )
    int32 = coded.type.tensor_type.elem_type
    cast = helper.make_node("Cast", [looked_up], [number], to=int32)
    graph.node.insert(0, cast)
    graph.node.insert(0, encoder)
    coded.CopyFrom(helper.make_tensor_value_info(feature.name, STRING, shape))
