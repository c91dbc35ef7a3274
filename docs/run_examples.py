"""Run the ```python blocks of the documentation, and compare what they print.

    python docs/run_examples.py [page ...]

Without arguments the README and all pages are run, as many at a time as there are cores.
The blocks of a page are one program. A ```text block shows the output of the ```python
block before it, with ``...`` for what varies; text that is no output is in a ```console
block, or one without a name. Blocks marked ```python no-run are skipped. The exit status
is 1 if a page fails. Tracebacks have the line numbers of the page.
"""

import doctest
import itertools
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
END = "\0end of block "
# Workers that import the program print nothing.
MARK = f"if __name__ == '__main__': print({END!r} + '{{}}', flush=True)"


class Block(NamedTuple):
    """A fenced block: its name, its lines, and the number of the line that opens it."""

    name: str
    lines: list[str]
    start: int

    @property
    def end(self) -> int:
        """The number of the line that closes the block."""
        return self.start + len(self.lines) + 1


def blocks_of(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page."""
    fence = None
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        ticks = line[: len(line) - len(line.lstrip("`"))]
        name = line[len(ticks) :].strip()
        if fence is None and len(ticks) >= 3:
            fence, block = ticks, Block(name, [], number)
        elif fence is not None and ticks == fence and not name:
            fence = None
            yield block
        elif fence is not None:
            block.lines.append(line)
    if fence is not None:  # a block that is not closed ends with the page
        yield block


def program_of(blocks: list[Block]) -> str:
    """The code of a page, each line at the number it has in the page."""
    lines: list[str] = []
    for block in blocks:
        if block.name == "python":
            lines += [""] * (block.start - len(lines))
            lines += [*block.lines, MARK.format(block.end)]
    return "\n".join(lines)


def differences(blocks: list[Block], printed: str) -> Iterator[str]:
    """Where the page shows another output than the block before it printed."""
    ends = re.split(f"{END}(\\d+)\n", printed)
    outputs = dict(zip(map(int, ends[1::2]), ends[::2], strict=False))
    checker, flags = doctest.OutputChecker(), doctest.ELLIPSIS | doctest.REPORT_NDIFF
    for code, shown in itertools.pairwise(blocks):
        if code.name != "python" or shown.name != "text":
            continue
        want, got = _stripped(shown.lines), _stripped(outputs.get(code.end, "").split("\n"))
        if not checker.check_output(want, got, flags):
            example = doctest.Example("", want)
            yield f"Line {shown.start}: {checker.output_difference(example, got, flags)}"


def _stripped(lines: list[str]) -> str:
    """Lines without blanks at their ends, and without empty lines around them."""
    return "\n".join(line.rstrip() for line in lines).strip("\n") + "\n"


def run(page: Path) -> bool:
    """Run one page in a fresh interpreter, in an empty folder; give whether it passed."""
    blocks = list(blocks_of(page))
    program = program_of(blocks)
    if not program:
        return True
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, page.with_suffix(".py").name)
        script.write_text(program, encoding="utf-8")
        process = subprocess.run(
            [sys.executable, script.name],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
    seconds = time.perf_counter() - began
    found = [] if process.returncode else list(differences(blocks, process.stdout))
    passed = not process.returncode and not found
    printed = re.sub(f"{END}\\d+\n", "", process.stdout)
    name = page.relative_to(ROOT)
    end = f"{'passed' if passed else 'failed'} in {seconds:.0f} s"
    print(f"=== {name}\n{printed}{process.stderr}", *found, sep="", end="")
    print(f"=== {name}: {end}", flush=True)
    return passed


def main() -> int:
    """Run the pages named on the command line, or all."""
    pages = [Path(name).resolve() for name in sys.argv[1:]] or [
        ROOT / "README.md",
        *sorted(
            page
            for page in DOCS.rglob("*.md")
            if not {"_build", "generated"} & set(page.relative_to(DOCS).parts)
        ),
    ]
    began = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # each waits for its process
        passed = list(threads.map(run, pages))
    failed = [p.relative_to(ROOT) for p, ok in zip(pages, passed, strict=True) if not ok]
    print(f"{len(pages)} pages in {time.perf_counter() - began:.0f} s")
    if failed:
        print("Failed:", *failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
