"""Description of an exported model for programs without scikit-learn."""

import json
from typing import Any

import numpy as np

from skkeras_search.interop.export.graph import Graph


def metadata_of(graph: Graph) -> dict[str, Any]:
    """Describe the inputs and outputs of an exported model.

    Parameters
    ----------
    graph : Graph
        Exported model.

    Returns
    -------
    dict
        "inputs" with "name", "shape" and "dtype", with "features" if the features have
        names, and with "vocabulary" for text; "outputs" with "name" and "shape", and for a
        classifier with "classes", the labels in the order of the probabilities.
    """
    return {
        "inputs": [
            {
                "name": feature.name,
                "shape": list(feature.shape),
                "dtype": feature.dtype,
                **({"features": list(feature.names)} if feature.names else {}),
                **({"vocabulary": list(feature.vocabulary)} if feature.vocabulary else {}),
            }
            for feature in graph.features
        ],
        "outputs": [
            {"name": name, "shape": list(tensor.shape[1:]), **classes}
            for (name, tensor), classes in zip(
                graph.model.output.items(), _classes(graph), strict=True
            )
        ],
    }


def as_json(metadata: dict[str, Any]) -> str:
    """Convert metadata to JSON. Labels without a JSON type become text."""
    return json.dumps(metadata, indent=2, ensure_ascii=False, default=str)


def _classes(graph: Graph) -> list[dict[str, Any]]:
    classes = getattr(graph.estimator, "classes_", None)
    n_outputs = len(graph.model.output)
    if classes is None:
        return [{}] * n_outputs
    each = classes if isinstance(classes, list) else [classes]
    return [{"classes": np.asarray(labels).tolist()} for labels in each]
