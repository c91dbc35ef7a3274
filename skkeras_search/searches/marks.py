"""What a worker process tells of its fits: that they run, and that one hangs."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from skkeras_search.fusion.time_limit import GRACE
from skkeras_search.searches.faults import when_hanging


class TimeMark:
    """A file that a worker writes and the search reads.

    A worker ends fits that are over their time itself. It says so if one does not end. If
    the worker cannot even do that, as while a call of C code holds Python's lock, the
    search knows how long all fits together may take.

    Parameters
    ----------
    path : Path
    fit_timeout : float
        Seconds that a fit may take.
    n_fits : int
        That are made one after the other, or together.
    """

    def __init__(self, path: Path, fit_timeout: float, n_fits: int):
        self._path = path
        self._most = n_fits * (fit_timeout + GRACE) + GRACE

    @contextmanager
    def running(self) -> Iterator[None]:
        """Say that the fits run, in a block in the worker."""
        self._path.write_text(f"{os.getpid()} {time.time() + self._most}")
        when_hanging.append(self._hang)
        try:
            yield
        finally:
            when_hanging.remove(self._hang)
            self._path.unlink(missing_ok=True)

    def late(self) -> int | None:
        """Give the process, if the fits are over their time and do not end."""
        try:
            process, deadline = self._path.read_text().split()
        except (OSError, ValueError):  # not begun, done, or just being written
            return None
        return int(process) if time.time() > float(deadline) else None

    def _hang(self) -> None:
        self._path.write_text(f"{os.getpid()} 0")
