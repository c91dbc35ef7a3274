"""Ensures that only one process at a time writes to a storage."""

import sqlite3
from pathlib import Path


class Lock:
    """A lock that the operating system releases when the process ends in any way.

    It is SQLite's lock of a separate file, as SQLite releases the lock of the storage
    itself after each transaction.

    Parameters
    ----------
    path : Path
        Path of the storage.

    Raises
    ------
    BlockingIOError
        If another process has the lock.
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
        """Release the lock."""
        self._connection.close()
