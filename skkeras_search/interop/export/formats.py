"""Formats of exported models, and the functions that write them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from skkeras_search.interop.export.graph import Graph
from skkeras_search.interop.export.onnx import write_onnx
from skkeras_search.interop.export.tensorflow_js import write_tensorflow_js


@dataclass(frozen=True)
class Format:
    """Format of an exported model.

    Attributes
    ----------
    write : callable
        Function that writes a graph, with its metadata as JSON, to a path.
    suffix : str
        Extension of the file name, or empty if the format is a directory.
    metadata : str
        Path of the metadata in the directory. It is empty if the format is a file.
    precision : str
        Data type of the preprocessing.
    """

    write: Callable[[Graph, Path, str], None]
    suffix: str
    metadata: str
    precision: str = "float64"

    def metadata_path(self, path: Path) -> Path:
        """Return the path of the file with the metadata."""
        return path.with_name(path.name + ".json") if self.suffix else path / self.metadata


def write_keras(graph: Graph, path: Path, metadata: str) -> None:
    """Write the native format of Keras, which cannot contain metadata."""
    graph.plain().save(path)


def write_saved_model(graph: Graph, path: Path, metadata: str) -> None:
    """Write a SavedModel with the signature "serving_default"."""
    graph.named().export(path, format="tf_saved_model", verbose=False)


FORMATS = {
    "keras": Format(write_keras, ".keras", ""),
    # TensorFlow Serving ignores files in this directory.
    "saved_model": Format(write_saved_model, "", "assets.extra/metadata.json"),
    "onnx": Format(write_onnx, ".onnx", ""),
    # TensorFlow.js has no float64.
    "tfjs": Format(write_tensorflow_js, "", "metadata.json", precision="float32"),
}
