"""One process at a time may write to a storage."""

import sqlite3
from pathlib import Path


class Lock:
    """A lock that the operating system gives back when the process ends in any way.

    It is SQLite's lock of a file of its own, as that of the storage is given back after
    each transaction.

    Parameters
    ----------
    path : Path
        Of the storage.

    Raises
    ------
    BlockingIOError
        If somebody has the lock.
    """

    def __init__(self, path: Path):
        self._connection = sqlite3.connect(f"{path}-lock", timeout=0, isolation_level=None)
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            self._connection.close()
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            raise BlockingIOError(f"{path} is locked") from error

    def release(self) -> None:
        """Give the lock back."""
        self._connection.close()
