"""States from which fits can be continued, in files beside the storage."""

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from skkeras_search.record.plain import JSON


class StateFile(NamedTuple):
    """A file with a state.

    Attributes
    ----------
    name : str
        Name of the file.
    digest : str
        SHA-256 of its content.
    """

    name: str
    digest: str


class States:
    """The files with states, in a folder that is made when it is needed.

    Parameters
    ----------
    folder : Path
        The folder.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, name: str, document: JSON, arrays: list[np.ndarray]) -> StateFile:
        """Write a state. The file appears only when it is complete.

        Parameters
        ----------
        name : str
            Name of the file, without its ending.
        document : JSON
            The state.
        arrays : list of ndarray
            The arrays that the document refers to.

        Returns
        -------
        StateFile
        """
        content = io.BytesIO()
        text = np.frombuffer(json.dumps(document).encode(), np.uint8)
        named: dict[str, Any] = {f"array{n}": a for n, a in enumerate(arrays)}
        np.savez(content, document=text, **named)
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"{name}.npz"
        written = path.with_suffix(".tmp")
        with written.open("wb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        written.replace(path)
        return StateFile(path.name, hashlib.sha256(content.getbuffer()).hexdigest())

    def read(self, file: StateFile) -> tuple[JSON, list[np.ndarray]] | None:
        """Read a state. Return None if the file is missing or was changed."""
        try:
            content = (self.folder / Path(file.name).name).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest() != file.digest:
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as npz:
            arrays = [npz[f"array{n}"] for n in range(len(npz.files) - 1)]
            document: Any = json.loads(npz["document"].tobytes())
        return document, arrays

    def remove(self, name: str) -> None:
        """Remove a file if it exists."""
        (self.folder / Path(name).name).unlink(missing_ok=True)
        self._remove_folder()

    def keep_only(self, names: set[str]) -> None:
        """Remove all other files, and the folder if it is empty then."""
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            if path.suffix in (".npz", ".tmp") and path.name not in names:
                path.unlink(missing_ok=True)
        self._remove_folder()

    def _remove_folder(self) -> None:
        """Remove the folder if it is empty."""
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()
