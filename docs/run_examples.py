"""Run the ```python blocks of the documentation, each page as one program.

    python docs/run_examples.py [page ...]

Without arguments all Markdown pages are run, as many at a time as there are cores.
Blocks marked ```python no-run are skipped. The exit status is 1 if a page fails.
Tracebacks have the line numbers of the page.
"""

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

DOCS = Path(__file__).resolve().parent


def program_of(page: Path) -> str:
    """The code of a page, each line at the number it has in the page."""
    lines, fence = [], None
    for line in page.read_text(encoding="utf-8").splitlines():
        ticks = line[: len(line) - len(line.lstrip("`"))]
        info = line[len(ticks) :].strip()
        if fence is None and len(ticks) >= 3:
            fence, runs = ticks, info == "python"
            line = ""
        elif fence is not None and ticks == fence and not info:
            fence, line = None, ""
        lines.append(line if fence and runs else "")
    return "\n".join(lines).rstrip()


def run(page: Path) -> bool:
    """Run one page in a fresh interpreter, in an empty folder; give whether it passed."""
    program = program_of(page)
    if not program:
        return True
    paths = [str(DOCS.parent), os.environ.get("PYTHONPATH", "")]
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
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    seconds = time.perf_counter() - began
    end = f"{'failed' if process.returncode else 'passed'} in {seconds:.0f} s"
    name = page.relative_to(DOCS)
    print(f"=== {name}\n{process.stdout}=== {name}: {end}", flush=True)
    return not process.returncode


def main() -> int:
    """Run the pages named on the command line, or all."""
    pages = [Path(name).resolve() for name in sys.argv[1:]] or sorted(
        page
        for page in DOCS.rglob("*.md")
        if not {"_build", "generated"} & set(page.relative_to(DOCS).parts)
    )
    began = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # each waits for its process
        passed = list(threads.map(run, pages))
    failed = [p.relative_to(DOCS) for p, ok in zip(pages, passed, strict=True) if not ok]
    print(f"{len(pages)} pages in {time.perf_counter() - began:.0f} s")
    if failed:
        print("Failed:", *failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
