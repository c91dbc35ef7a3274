"""How a worker process reports that its fits run, and that one of them hangs."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skkeras_search.fusion.time_limit import GRACE
from skkeras_search.searches.faults import when_hanging


class TimeMark:
    """A file that a worker writes and the search reads.

    A worker ends fits that exceed their time limit itself. It reports in the file if a fit
    does not end. It cannot even do that while a call of C code holds Python's lock.
    Therefore the file also has the deadline of all fits together.

    Parameters
    ----------
    path : Path
        Path of the file.
    fit_timeout : float
        Time limit of a fit in seconds.
    n_fits : int
        Number of fits, which run one after the other or together.
    """

    def __init__(self, path: Path, fit_timeout: float, n_fits: int):
        self._path = path
        self._most = n_fits * (fit_timeout + GRACE) + GRACE

    @contextmanager
    def running(self) -> Iterator[None]:
        """Report in a block that the fits run. Called in the worker."""
        self._path.write_text(f"{os.getpid()} {time.time() + self._most}")
        when_hanging.append(self._hang)
        try:
            yield
        finally:
            when_hanging.remove(self._hang)
            self._path.unlink(missing_ok=True)

    def late(self) -> int | None:
        """Return the id of the process if the fits are over their deadline, or None."""
        try:
            process, deadline = self._path.read_text().split()
        except (OSError, ValueError):  # not begun, done, or being written
            return None
        return int(process) if time.time() > float(deadline) else None

    def _hang(self) -> None:
        self._path.write_text(f"{os.getpid()} 0")
