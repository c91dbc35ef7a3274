"""The examples print what they say, and nothing that TensorFlow says of itself."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
QUIET_IMPORT = re.compile(
    r'^os\.environ\["TF_CPP_MIN_LOG_LEVEL"\] = "3".*?^finally:\n    os\.dup2\(stderr, 2\)\n',
    re.DOTALL | re.MULTILINE,
)


def quiet_import(page):
    found = QUIET_IMPORT.search(page.read_text(encoding="utf-8"))
    assert found, page.name
    without_comments = re.sub("  # .*", "", found[0])
    return re.sub("from keras.layers import .*", "import keras", without_comments)


def test_examples_and_quickstart_import_quietly():
    here = quiet_import(ROOT / "docs" / "quickstart.md")
    examples = sorted((ROOT / "examples").glob("*.py"))
    assert examples
    for example in examples:
        assert quiet_import(example) == here
    script = f"import os\n{here}import sys; sys.stderr.write('still there')"
    process = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, timeout=120
    )
    assert process.stderr == b"still there"
