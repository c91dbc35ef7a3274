"""Rows of a fold in files, which all worker processes of a machine share."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

import joblib
import numpy as np

from skkeras_search.fusion.aligned import aligned_rows

# Of an array whose rows are worth a file; of larger ones joblib makes files, too.
LEAST_BYTES = 2**20
# Of a part that is copied at a time.
BYTES_OF_PART = 2**24


class MappedRows:
    """Take rows of an array from a file, which the first process that needs them writes.

    Parameters
    ----------
    folder : path-like
        The same for all processes.
    """

    def __init__(self, folder: str):
        self._folder = Path(folder)

    def __call__(self, array: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Give some rows of an array, in C order.

        Parameters
        ----------
        array : ndarray of shape (n_rows, ...)
            Without Python objects. The same whenever it is asked for rows.
        rows : array-like of int or bool
            As ``array[rows]`` takes them.

        Returns
        -------
        ndarray
            Read-only and aligned. In memory of this process if the array is small, or if
            there is no room for a file.
        """
        if array.nbytes < LEAST_BYTES:
            return aligned_rows(array, rows)
        numbers = np.arange(len(array))[rows]
        path = self._folder / f"{joblib.hash(numbers)}.npy"
        try:
            if not path.exists():
                self._write(array, numbers, path)
            return np.asarray(np.load(path, mmap_mode="r"))
        except OSError:
            return aligned_rows(array, rows)

    def _write(self, array: np.ndarray, numbers: np.ndarray, path: Path) -> None:
        shape = (len(numbers), *array.shape[1:])
        header = {
            "descr": np.lib.format.dtype_to_descr(array.dtype),
            "fortran_order": False,
            "shape": shape,
        }
        n_bytes = int(np.prod(shape)) * array.itemsize
        if shutil.disk_usage(self._folder).free < 2 * n_bytes:
            raise OSError("The disk has not twice the room that is needed.")
        n_rows = max(1, BYTES_OF_PART * len(numbers) // max(1, n_bytes))
        with _file_beside(path) as file:
            np.lib.format.write_array_header_1_0(file, header)
            for first in range(0, len(numbers), n_rows):
                part = array[numbers[first : first + n_rows]]
                file.write(np.ascontiguousarray(part).data)


@contextmanager
def _file_beside(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which gets its path when it is complete, if that is free.

    So all processes have the same file, although several may write it at a time.
    """
    file = NamedTemporaryFile(dir=path.parent, delete=False)  # noqa: SIM115
    try:
        with file:
            yield file
        with suppress(FileExistsError):
            os.link(file.name, path)
    finally:
        os.unlink(file.name)
