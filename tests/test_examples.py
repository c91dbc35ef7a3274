"""The examples print what they say, and nothing that TensorFlow says of itself."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
QUIET_IMPORT = re.compile(
    r'^os\.environ\["TF_CPP_MIN_LOG_LEVEL"\] = "3".*?^finally:\n    os\.dup2\(stderr, 2\)\n',
    re.DOTALL | re.MULTILINE,
)
# What the gallery does not show of an example.
HIDDEN = re.compile(
    r"^# sphinx_gallery_start_ignore\n(.*?)^# sphinx_gallery_end_ignore\n",
    re.DOTALL | re.MULTILINE,
)
GALLERY = sorted(
    path
    for header in (ROOT / "examples").glob("*/GALLERY_HEADER.rst")
    for path in header.parent.glob("*.py")
)


def quiet_import(page):
    found = QUIET_IMPORT.search(page.read_text(encoding="utf-8"))
    assert found, page.name
    return re.sub("  # .*", "", found[0])


def assert_quiet(code):
    script = f"{code}\nimport keras, sys; sys.stderr.write('still there')"
    process = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, timeout=120
    )
    assert process.stderr == b"still there"


def test_quickstart_imports_quietly():
    here = quiet_import(ROOT / "docs" / "quickstart.md")
    assert quiet_import(ROOT / "examples" / "quickstart.py") == here
    assert_quiet(f"import os\n{here}")


def test_examples_of_the_gallery_import_quietly():
    blocks = {
        path.name: HIDDEN.findall(path.read_text(encoding="utf-8")) for path in GALLERY
    }
    assert blocks
    [block] = blocks.popitem()[1]
    assert all(others == [block] for others in blocks.values())
    assert_quiet(block)


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.name)
def test_examples_of_the_gallery_explain_themselves(path):
    text = path.read_text(encoding="utf-8")
    title, underline, *introduction = ast.get_docstring(ast.parse(text)).splitlines()
    assert underline == "=" * len(title)
    assert len(" ".join(introduction).split()) >= 15
    assert "\n# %%\n# " in text
    assert "plt.show()" in text or "plot" in text
