"""Tables of symbolic tensors, the inputs and outputs of converted transformers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops


class ExportError(TypeError):
    """Error for a part of an estimator that has no counterpart in Keras."""


@dataclass(frozen=True)
class Numbers:
    """Columns of numbers.

    Attributes
    ----------
    tensor : KerasTensor of shape (n_samples, width)
        Values.
    """

    tensor: Any

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.tensor.shape[1])

    def select(self, columns: Sequence[int]) -> "Numbers":
        """Return some of the columns, in the given order."""
        if list(columns) == list(range(self.width)):
            return self
        return Numbers(ops.take(self.tensor, np.array(columns, dtype="int32"), axis=1))


@dataclass(frozen=True)
class Text:
    """A column of text, represented by positions in a vocabulary.

    Attributes
    ----------
    codes : KerasTensor of shape (n_samples, 1)
        Positions in the vocabulary, starting from 1; 0 for an unknown text.
    vocabulary : tuple of str
        Texts. The last one is the empty text, which stands for a missing value.
    missing : str or None
        Text that replaces missing values, if any.
    """

    codes: Any
    vocabulary: tuple[str, ...]
    missing: str | None = None
    width = 1

    def select(self, columns: Sequence[int]) -> "Text":
        """Return the column itself."""
        return self


@dataclass(frozen=True)
class Table:
    """Columns of numbers and of text, side by side."""

    parts: tuple[Numbers | Text, ...]

    @property
    def width(self) -> int:
        """Number of columns."""
        return sum(part.width for part in self.parts)

    def select(self, columns: Sequence[int]) -> "Table":
        """Return some of the columns, in the given order."""
        owners = [(part, i) for part in self.parts for i in range(part.width)]
        chosen: list[tuple[Numbers | Text, list[int]]] = []
        for part, i in (owners[column] for column in columns):
            if chosen and chosen[-1][0] is part and isinstance(part, Numbers):
                chosen[-1][1].append(i)
            else:
                chosen.append((part, [i]))
        return Table(tuple(part.select(indices) for part, indices in chosen))

    def columns(self) -> list[Numbers | Text]:
        """Return the columns, one by one."""
        return [self.select([i]).parts[0] for i in range(self.width)]

    def numbers(self, reader: str) -> Any:
        """Return all columns as one tensor.

        Parameters
        ----------
        reader : str
            Name of the part that requires numbers, for the error message.

        Raises
        ------
        ExportError
            If a column is text.
        """
        if any(isinstance(part, Text) for part in self.parts):
            raise ExportError(
                f"{reader} requires numbers, but receives a column of text. In an exported "
                "model, only a OneHotEncoder converts text to numbers."
            )
        return concatenated(
            [part.tensor for part in self.parts if isinstance(part, Numbers)]
        )


def beside(tables: Iterable[Table]) -> Table:
    """Put the columns of several tables side by side."""
    return Table(tuple(part for table in tables for part in table.parts))


def concatenated(tensors: list[Any]) -> Any:
    """Concatenate tensors of shape (n_samples, width) along the columns."""
    return tensors[0] if len(tensors) == 1 else ops.concatenate(tensors, axis=1)
