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

# Rows of smaller arrays are not written to files. joblib maps larger arrays, too.
LEAST_BYTES = 2**20
# Size of the parts in which rows are copied.
BYTES_OF_PART = 2**24


class MappedRows:
    """Take rows of an array from a file, which the first process that needs them writes.

    Parameters
    ----------
    folder : path-like
        Folder of the files. It must be the same for all processes.
    """

    def __init__(self, folder: str):
        self._folder = Path(folder)

    def __call__(self, array: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return some rows of an array, in C order.

        Parameters
        ----------
        array : ndarray of shape (n_rows, ...)
            An array without Python objects. It must be the same in all calls.
        rows : array-like of int or bool
            Index of the rows, as in ``array[rows]``.

        Returns
        -------
        ndarray
            Read-only and aligned. It is in the memory of this process if the array is small
            or if there is no room for a file.
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
            raise OSError("The disk has less than twice the room that the rows need.")
        n_rows = max(1, BYTES_OF_PART * len(numbers) // max(1, n_bytes))
        with _file_beside(path) as file:
            np.lib.format.write_array_header_1_0(file, header)
            for first in range(0, len(numbers), n_rows):
                part = array[numbers[first : first + n_rows]]
                file.write(np.ascontiguousarray(part).data)


@contextmanager
def _file_beside(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file to write. When it is complete, it gets its path, unless that exists.

    So all processes use the same file, although several may write it at the same time.
    """
    file = NamedTemporaryFile(dir=path.parent, delete=False)  # noqa: SIM115
    try:
        with file:
            yield file
        with suppress(FileExistsError):
            os.link(file.name, path)
    finally:
        os.unlink(file.name)
