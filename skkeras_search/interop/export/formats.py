"""The formats of an exported model, each a function that writes one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from skkeras_search.interop.export.graph import Graph
from skkeras_search.interop.export.onnx import write_onnx
from skkeras_search.interop.export.tensorflow_js import write_tensorflow_js


@dataclass(frozen=True)
class Format:
    """A format.

    Attributes
    ----------
    write : callable
        Writes a graph with its metadata, as JSON, to a path.
    suffix : str
        What the name of the file ends with; nothing for a folder.
    metadata : str
        Where the metadata are, in the folder or beside the file.
    precision : str
        Of the preprocessing.
    """

    write: Callable[[Graph, Path, str], None]
    suffix: str
    metadata: str
    precision: str = "float64"

    def metadata_path(self, path: Path) -> Path:
        """Say where the metadata of an export go."""
        return path.with_name(path.name + ".json") if self.suffix else path / self.metadata


def write_keras(graph: Graph, path: Path, metadata: str) -> None:
    """Write Keras's own format, which has no place for metadata."""
    graph.plain().save(path)


def write_saved_model(graph: Graph, path: Path, metadata: str) -> None:
    """Write a SavedModel with the signature "serving_default"."""
    graph.named().export(path, format="tf_saved_model", verbose=False)


FORMATS = {
    "keras": Format(write_keras, ".keras", ""),
    # The folder that TensorFlow Serving leaves for what it does not read itself.
    "saved_model": Format(write_saved_model, "", "assets.extra/metadata.json"),
    "onnx": Format(write_onnx, ".onnx", ""),
    # JavaScript's tensors have no more digits.
    "tfjs": Format(write_tensorflow_js, "", "metadata.json", precision="float32"),
}
