"""TensorFlow.js, by its converter, which lives in an environment of its own."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from skkeras_search.interop.export.graph import Graph
from skkeras_search.interop.export.onnx import check_numbers

# What works together: newer releases of ydf want a protobuf that TensorFlow 2.19 does not
# take, and newer ones of setuptools have no pkg_resources.
REQUIREMENTS = ("tensorflowjs==4.22.0", "ydf<0.12", "protobuf<6", "setuptools<81")
NEWEST_PYTHON = (3, 12)  # for which TensorFlow 2.19 and ydf 0.11 have wheels


def write_tensorflow_js(graph: Graph, path: Path, metadata: str) -> None:
    """Write a graph model for ``tf.loadGraphModel``, with the metadata in it.

    Columns of text are numbers in it: 1 for the first text of the vocabulary, 0 for one
    that is not there.
    """
    check_numbers(graph, "tfjs")
    python = _python_of(converter_environment())
    with tempfile.TemporaryDirectory() as folder:
        graph.model.export(folder, format="tf_saved_model", verbose=False)
        formats = "--input_format=tf_saved_model", "--output_format=tfjs_graph_model"
        _run(
            [python, "-m", "tensorflowjs.converters.converter", *formats, folder, str(path)]
        )
    described = path / "model.json"
    model = json.loads(described.read_text(encoding="utf-8"))
    known = model.setdefault("userDefinedMetadata", {})
    known["skkeras_search"] = json.loads(metadata)
    described.write_text(json.dumps(model), encoding="utf-8")


def converter_environment() -> Path:
    """Find the environment of the converter, and make it if there is none.

    It is made in the user's cache once, by uv or else venv and pip, with a message to
    stderr.

    Returns
    -------
    Path

    Raises
    ------
    RuntimeError
        If it cannot be made.
    """
    place = cache() / "tensorflowjs-4.22.0"
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    print(
        f"Installing the converter of TensorFlow.js in {place}. This happens once, and "
        "takes 2.7 GB.",
        file=sys.stderr,
        flush=True,
    )
    made = Path(tempfile.mkdtemp(prefix="tensorflowjs-", dir=place.parent))
    try:
        _install(made)
        made.rename(place)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        if not place.exists():  # another process may have made it meanwhile
            raise
    return place


def cache() -> Path:
    """Give the folder that users have for what can be made again."""
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return Path(home or Path.home() / ".cache") / "skkeras_search"


def _install(place: Path) -> None:
    uv = shutil.which("uv")
    newest = ".".join(map(str, NEWEST_PYTHON))
    fits = sys.version_info[:2] <= NEWEST_PYTHON
    if uv:
        version = sys.executable if fits else newest
        _run([uv, "venv", "--clear", "--python", version, str(place)])
        _run([uv, "pip", "install", "--python", _python_of(place), *REQUIREMENTS])
    elif fits:
        _run([sys.executable, "-m", "venv", str(place)])
        _run([_python_of(place), "-m", "pip", "install", *REQUIREMENTS])
    else:
        raise RuntimeError(
            f"The converter of TensorFlow.js runs on Python {newest} at most. Install uv "
            "(pip install uv), which gets it, or export from that version of Python."
        )


def _python_of(environment: Path) -> str:
    windows = environment / "Scripts" / "python.exe"
    return str(windows if os.name == "nt" else environment / "bin" / "python")


def _run(command: list[str]) -> None:
    """Run a program of the environment, without what the user has set for Python.

    Raises
    ------
    RuntimeError
        If it fails, with the end of what it printed.
    """
    kept = {n: v for n, v in os.environ.items() if not n.startswith("PYTHON")}
    done = subprocess.run(command, env=kept, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)} failed with status {done.returncode}:\n"
            f"{(done.stdout + done.stderr)[-3000:]}"
        )
