"""Sphinx configuration.

Build with ``sphinx-build -W --keep-going -b html docs docs/_build/html``. The build runs
the examples for the gallery; ``-D plot_gallery=0`` leaves them out.
"""

import contextlib
import logging
import os
import sys
import zlib
from pathlib import Path

DOCS = Path(__file__).resolve().parent
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["DASK_LOGGING__DISTRIBUTED"] = "error"  # of the example with a cluster
sys.path[:0] = [str(DOCS.parent), str(DOCS)]

import benchmark_charts  # of this folder
import reference

import skkeras_search

project = "skkeras_search"
author = "The skkeras_search developers"
copyright = f"2026, {author}"
release = version = skkeras_search.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "inventories", "auto_examples/**/*.ipynb"]
templates_path = ["_templates"]

# Appearance
html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
# Prompts of consoles and doctests are not copied.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

# Markdown
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Reference
autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
# The templates list the members.
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = True
numpydoc_xref_aliases = {
    "DataFrame": "pandas.DataFrame",
    "Path": "pathlib.Path",
    "RandomState": "numpy.random.RandomState",
    "ndarray": "numpy.ndarray",
    "KerasClassifier": "skkeras_search.KerasClassifier",
    "KerasRegressor": "skkeras_search.KerasRegressor",
    "MultiInput": "skkeras_search.MultiInput",
    "Space": "skkeras_search.Space",
    "GridSearchCV": "skkeras_search.GridSearchCV",
    "OptimizeResult": "scipy.optimize.OptimizeResult",
    "Study": "optuna.study.Study",
    "Sampler": "skkeras_search.samplers.Sampler",
    "Dimension": "skkeras_search.space.Dimension",
    "MetadataRequest": "sklearn.utils.metadata_routing.MetadataRequest",
    "Pipeline": "sklearn.pipeline.Pipeline",
}
suppress_warnings = ["config.cache"]  # of the function in the context
autosummary_context = {"members_of": reference.members_of}

# References: all that name an object of this package must resolve. The build has no
# complete list of the objects of other projects.
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(?!skkeras_search\.).*"),
    # Attributes are documented in tables, which have no anchors.
    (r"py:(attr|obj)", r"skkeras_search\..*[a-z]_"),
]
INVENTORIES = {
    "joblib": "https://joblib.readthedocs.io/en/stable/",
    "matplotlib": "https://matplotlib.org/stable/",
    "numpy": "https://numpy.org/doc/stable/",
    "optuna": "https://optuna.readthedocs.io/en/stable/",
    "pandas": "https://pandas.pydata.org/docs/",
    "python": "https://docs.python.org/3/",
    "scipy": "https://docs.scipy.org/doc/scipy/",
    "sklearn": "https://scikit-learn.org/stable/",
}


def _inventory(name):
    """Write the inventory of `inventories/<name>.txt`, and give the path of the file."""
    entries = []
    for line in (DOCS / "inventories" / f"{name}.txt").read_text().splitlines():
        if not line.startswith("#"):
            target, role, address = line.split()
            entries.append(f"{target} {role} 1 {address.replace('$', target)} -\n")
    head = f"# Sphinx inventory version 2\n# Project: {name}\n# Version: \n"
    head += "# The remainder of this file is compressed using zlib.\n"
    path = DOCS / "_build" / "inventories" / f"{name}.inv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head.encode() + zlib.compress("".join(entries).encode()))
    return str(path)


# The network is asked on Read the Docs only, so that other builds need none.
_online = os.environ.get("READTHEDOCS") == "True"
intersphinx_mapping = {
    name: (address, (None, _inventory(name)) if _online else _inventory(name))
    for name, address in INVENTORIES.items()
}
# Keras publishes no inventory.
intersphinx_mapping["keras"] = ("https://keras.io/", _inventory("keras"))
intersphinx_timeout = 20

# `sphinx-build -b linkcheck` checks the links between pages; other links need a network
# (LINKCHECK=all).
linkcheck_ignore = [] if os.environ.get("LINKCHECK") == "all" else [r"https?://"]
linkcheck_anchors = False

# Gallery. Each folder with a GALLERY_HEADER.rst (or a README.md) is a section of it.
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"\.py$",
    "subsection_order": [
        "../examples/estimators",
        "../examples/searches",
        "../examples/looking",
        "../examples/other_libraries",
    ],
    "within_subsection_order": "FileNameSortKey",
    "abort_on_example_error": True,
    "reset_modules": ("matplotlib", "gallery_reset.reset_keras"),
    "doc_module": ("skkeras_search",),
    "backreferences_dir": "generated/backreferences",
    "inspect_global_variables": False,
    "remove_config_comments": True,
    "show_signature": False,
    "download_all_examples": False,
    "write_computation_times": False,
    "copyfile_regex": "",
    "thumbnail_size": (400, 280),
    "min_reported_time": 1,
}


@contextlib.contextmanager
def _quiet():
    """Send the standard error nowhere, where TensorFlow writes while it is imported."""
    stderr = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)


with _quiet():
    import keras  # noqa: F401
for _name in ("mlflow", "tensorboard", "tf2onnx"):
    logging.getLogger(_name).setLevel(logging.WARNING)


def _without_versions(app, what, name, obj, options, lines):
    """Leave out the versions of scikit-learn in which inherited methods were added."""
    module = getattr(getattr(obj, "fget", obj), "__module__", None) or ""
    if name.endswith("_request") or not module.startswith("skkeras_search"):
        lines[:] = [
            line for line in lines if not line.lstrip().startswith(".. versionadded")
        ]


def setup(app):
    app.connect("autodoc-process-docstring", _without_versions, priority=1)
    # The charts must be there before the pages are read.
    app.connect("builder-inited", lambda app: benchmark_charts.draw_all())
