"""Write TensorFlow.js models with its converter, which has a separate environment."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from skkeras_search.interop.export.graph import Graph
from skkeras_search.interop.export.onnx import check_numbers

# Compatible versions: newer versions of ydf require a version of protobuf that TensorFlow
# 2.19 does not support, and newer versions of setuptools have no pkg_resources.
REQUIREMENTS = ("tensorflowjs==4.22.0", "ydf<0.12", "protobuf<6", "setuptools<81")
NEWEST_PYTHON = (3, 12)  # TensorFlow 2.19 and ydf 0.11 have no wheels for newer versions


def write_tensorflow_js(graph: Graph, path: Path, metadata: str) -> None:
    """Write a graph model for ``tf.loadGraphModel``, with the metadata.

    Columns of text are represented by positions in the vocabulary, starting from 1, with 0
    for an unknown text.
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
    """Return the environment of the converter, and create it if necessary.

    The environment is created once, in the cache directory of the user, with uv if it is
    installed, and otherwise with venv and pip. A message is printed to stderr.

    Returns
    -------
    Path
        Directory of the environment.

    Raises
    ------
    RuntimeError
        If the environment cannot be created.
    """
    place = cache() / "tensorflowjs-4.22.0"
    if place.exists():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    print(
        f"Installing the converter of TensorFlow.js in {place}. This is done only once, "
        "and takes 2.7 GB.",
        file=sys.stderr,
        flush=True,
    )
    made = Path(tempfile.mkdtemp(prefix="tensorflowjs-", dir=place.parent))
    try:
        _install(made)
        made.rename(place)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        if not place.exists():  # another process may have created it meanwhile
            raise
    return place


def cache() -> Path:
    """Return the cache directory of the user for this package."""
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
            f"The converter of TensorFlow.js requires Python {newest} or older. Install uv "
            "(pip install uv), which downloads that version, or export with it."
        )


def _python_of(environment: Path) -> str:
    windows = environment / "Scripts" / "python.exe"
    return str(windows if os.name == "nt" else environment / "bin" / "python")


def _run(command: list[str]) -> None:
    """Run a program without the environment variables that configure Python.

    Raises
    ------
    RuntimeError
        If the program fails. The message contains the end of its output.
    """
    kept = {n: v for n, v in os.environ.items() if not n.startswith("PYTHON")}
    done = subprocess.run(command, env=kept, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)} failed with status {done.returncode}:\n"
            f"{(done.stdout + done.stderr)[-3000:]}"
        )
