"""Node and a browser predict what Python does, with the example for the browser.

It installs 3 GB from PyPI and npm, so it runs where ``BROWSER=1`` asks for it.
"""

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "browser"
CHROME = shutil.which("chromium") or shutil.which("google-chrome")
SAME = "360 of 360 digits have the class that Python gives"

pytestmark = [
    pytest.mark.skipif(not os.environ.get("BROWSER"), reason="BROWSER=1 is not set"),
    pytest.mark.skipif(not shutil.which("npm"), reason="npm is not installed"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The example, trained and exported."""
    folder = tmp_path_factory.mktemp("browser")
    for file in EXAMPLE.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    path = os.pathsep.join([str(EXAMPLE.parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    train = [sys.executable, "train.py"]
    subprocess.run(train, cwd=folder, env=environment, check=True)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=folder, check=True)
    return folder


def test_node(folder):
    done = subprocess.run(
        ["node", "check.js"], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert f"TensorFlow.js: {SAME}" in done.stdout
    assert f"ONNX Runtime Web: {SAME}" in done.stdout


@pytest.mark.skipif(CHROME is None, reason="neither chromium nor google-chrome is here")
def test_page(folder):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    options += ["--virtual-time-budget=30000"]
    url = f"http://127.0.0.1:{server.server_port}/index.html?check"
    done = subprocess.run(
        [CHROME, *options, url], capture_output=True, text=True, timeout=120
    )
    server.shutdown()
    server.server_close()
    assert SAME in re.search(r'id="status">(.*?)</p>', done.stdout)[1]
