"""Tables of symbolic tensors: what a transformer of scikit-learn gets and gives."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops


class ExportError(TypeError):
    """A part of an estimator has no counterpart in Keras."""


@dataclass(frozen=True)
class Numbers:
    """Columns of numbers.

    Attributes
    ----------
    tensor : KerasTensor of shape (n_samples, width)
    """

    tensor: Any

    @property
    def width(self) -> int:
        """Number of columns."""
        return int(self.tensor.shape[1])

    def select(self, columns: Sequence[int]) -> "Numbers":
        """Give some of the columns, in this order."""
        if list(columns) == list(range(self.width)):
            return self
        return Numbers(ops.take(self.tensor, np.array(columns, dtype="int32"), axis=1))


@dataclass(frozen=True)
class Text:
    """A column of text, as the number of each text in a vocabulary.

    Attributes
    ----------
    codes : KerasTensor of shape (n_samples, 1)
        From 1; 0 for a text that is not in the vocabulary.
    vocabulary : tuple of str
        The empty text, which stands for one that is missing, is the last.
    missing : str or None
        What a missing text is replaced by.
    """

    codes: Any
    vocabulary: tuple[str, ...]
    missing: str | None = None
    width = 1

    def select(self, columns: Sequence[int]) -> "Text":
        """Give the column."""
        return self


@dataclass(frozen=True)
class Table:
    """Parts beside each other."""

    parts: tuple[Numbers | Text, ...]

    @property
    def width(self) -> int:
        """Number of columns."""
        return sum(part.width for part in self.parts)

    def select(self, columns: Sequence[int]) -> "Table":
        """Give some of the columns, in this order."""
        owners = [(part, i) for part in self.parts for i in range(part.width)]
        chosen: list[tuple[Numbers | Text, list[int]]] = []
        for part, i in (owners[column] for column in columns):
            if chosen and chosen[-1][0] is part and isinstance(part, Numbers):
                chosen[-1][1].append(i)
            else:
                chosen.append((part, [i]))
        return Table(tuple(part.select(indices) for part, indices in chosen))

    def columns(self) -> list[Numbers | Text]:
        """Give each column by itself."""
        return [self.select([i]).parts[0] for i in range(self.width)]

    def numbers(self, reader: str) -> Any:
        """Give all columns as one tensor.

        Parameters
        ----------
        reader : str
            Who takes numbers, for the message.

        Raises
        ------
        ExportError
            If a column is text.
        """
        if any(isinstance(part, Text) for part in self.parts):
            raise ExportError(
                f"{reader} takes numbers, but a column of text reaches it. Only a "
                "OneHotEncoder makes numbers of text in an exported model."
            )
        return concatenated(
            [part.tensor for part in self.parts if isinstance(part, Numbers)]
        )


def beside(tables: Iterable[Table]) -> Table:
    """Put tables beside each other."""
    return Table(tuple(part for table in tables for part in table.parts))


def concatenated(tensors: list[Any]) -> Any:
    """Put tensors of shape (n_samples, width) beside each other."""
    return tensors[0] if len(tensors) == 1 else ops.concatenate(tensors, axis=1)
