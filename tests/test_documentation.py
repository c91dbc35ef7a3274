"""The documentation has everything that is public."""

import re
import subprocess
import sys
from importlib import import_module
from inspect import isclass
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
MODULES = [
    "skkeras_search",
    "skkeras_search.inspection",
    "skkeras_search.interop.optuna",
    "skkeras_search.samplers",
    "skkeras_search.searches",
    "skkeras_search.space",
]


def documented():
    """The objects that the reference has a page for."""
    listed = re.findall(r"^   ([\w.]+)$", (DOCS / "api.rst").read_text(), re.MULTILINE)
    found = []
    for name in listed:
        module, _, name = f"skkeras_search.{name}".rpartition(".")
        found.append(getattr(import_module(module), name))
    return found


@pytest.mark.parametrize("module", MODULES)
def test_reference_has_all_public_names(module):
    module = import_module(module)
    pages = documented()
    missing = [name for name in module.__all__ if getattr(module, name) not in pages]
    assert not missing


def test_pages_of_classes_list_the_inherited_methods(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    members_of = import_module("reference").members_of
    found = members_of("skkeras_search", "KerasClassifier")
    listed = {name for _, group in found["groups"] for name in group}
    assert listed >= {
        "fit",
        "predict",
        "predict_proba",
        "score",
        "get_params",
        "set_params",
    }
    assert "set_fit_request" in listed
    found = members_of("skkeras_search", "BayesSearchCV")
    listed = {name for _, group in found["groups"] for name in group}
    assert listed >= {"fit", "predict", "predict_proba", "score", "transform", "plot"}
    assert listed >= {"get_params", "set_params", "set_callbacks", "inverse_transform"}
    assert {"learning_curves_", "timeline_"} <= set(found["properties"])


def test_pages_list_the_methods_that_their_docstrings_refer_to(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    members_of = import_module("reference").members_of
    for kind in filter(isclass, documented()):
        found = members_of(kind.__module__, kind.__name__)
        listed = {name for _, group in found["groups"] for name in group}
        texts = [kind.__doc__, *(getattr(kind, name).__doc__ for name in listed)]
        meant = set(re.findall(r":meth:`(\w+)`", " ".join(filter(None, texts))))
        assert meant <= listed, kind


@pytest.mark.parametrize(
    ("shown", "is_right"), [("2 of ...", True), ("2 of 4", False), ("", False)]
)
def test_outputs_on_pages_are_compared(monkeypatch, tmp_path, shown, is_right):
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    examples = import_module("run_examples")
    page = tmp_path / "page.md"
    page.write_text(
        f"```python\nn = 2\n```\n\n```python\nprint(n, 'of', 3)\n```\n\n```text\n{shown}\n```\n"
    )
    blocks = list(examples.blocks_of(page))
    program = [sys.executable, "-c", examples.program_of(blocks)]
    printed = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    differences = list(examples.differences(blocks, printed))
    assert not differences if is_right else differences[0].startswith("Line 9: ")
