"""Sphinx configuration.

Build with ``sphinx-build -W --keep-going -b html docs docs/_build/html``.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import skkeras_search

project = "skkeras_search"
author = "The skkeras_search developers"
copyright = f"2026, {author}"
release = version = skkeras_search.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
nitpicky = False

html_theme = "furo"
html_title = f"{project} {release}"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
# The template of the class pages lists the members.
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False


def _skip_foreign(app, what, name, obj, skip, options):
    """Leave out what the classes inherit from scikit-learn and scikeras."""
    function = getattr(obj, "fget", obj)  # of a property
    module = getattr(function, "__module__", None)
    if module and not module.startswith("skkeras_search"):
        return True
    return skip


def setup(app):
    app.connect("autodoc-skip-member", _skip_foreign)
