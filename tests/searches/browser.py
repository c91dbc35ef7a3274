"""A headless Chromium that is told over a pipe what to do, for tests."""

import json
import os
import shutil
import subprocess
import time
from base64 import b64decode

NAMES = ("chromium", "google-chrome", "chromium-browser", "chrome")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--window-size=1280,900",
    "--remote-debugging-pipe",
)


def find_browser():
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page of a browser, by the protocol of Chrome's developer tools."""

    def __init__(self, program, profile, url):
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        # The browser reads from descriptor 3 and writes to 4.
        start = f'exec 3<&{to_browser} 4>&{from_browser}; exec "$@"'
        flags = [*FLAGS, f"--user-data-dir={profile}"]
        self._process = subprocess.Popen(
            ["bash", "-c", start, "bash", program, *flags],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._read, self._n, self._session = b"", 0, {}
        target = self.call("Target.createTarget", url=url)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = session

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._process.terminate()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def call(self, method, **params):
        self._n += 1
        message = {"id": self._n, "method": method, "params": params, **self._session}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._read:
                piece = os.read(self._in, 2**16)
                assert piece, "the browser has ended"
                self._read += piece
            text, _, self._read = self._read.partition(b"\0")
            answer = json.loads(text)
            if answer.get("id") == self._n:
                assert "error" not in answer, answer
                return answer["result"]

    def evaluate(self, script):
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        return answer["result"].get("value")

    def wait_for(self, script, seconds=90):
        """Evaluate a script until it gives something true."""
        until = time.monotonic() + seconds
        while not (found := self.evaluate(script)) and time.monotonic() < until:
            time.sleep(0.2)
        return found

    def picture(self):
        """The page as PNG."""
        return b64decode(self.call("Page.captureScreenshot", format="png")["data"])
