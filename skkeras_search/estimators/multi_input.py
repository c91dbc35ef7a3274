"""Several input arrays that scikit-learn can take for one ``X``."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_consistent_length


class MultiInput:
    """The arrays of a model with several inputs, split by rows as one.

    scikit-learn counts and splits the rows of ``X``; for a dict or a list of arrays
    it counts the arrays instead. ``fit`` and ``predict`` take a plain dict or list
    as well; wrap it for ``cross_val_score`` and the searches.

    Parameters
    ----------
    arrays : dict of str to array-like, or list of array-like
        One for each input of the model, by the name of the input or in the order of
        the inputs, each with ``n_samples`` rows.

    Attributes
    ----------
    arrays : dict or list of ndarray
        As given, as arrays.
    shape : tuple of int
        ``(n_samples, n_inputs)``.

    Raises
    ------
    TypeError
        If ``arrays`` is neither a dict nor a list.
    ValueError
        If there are none, or their numbers of rows differ.

    Examples
    --------
    >>> import numpy as np
    >>> from skkeras_search import MultiInput
    >>> X = MultiInput({"age": np.zeros((10, 1)), "words": np.zeros((10, 20))})
    >>> len(X), X[:3].shape
    (10, (3, 2))
    """

    def __init__(self, arrays: Mapping[str, Any] | Sequence[Any]):
        if isinstance(arrays, Mapping):
            self.arrays: Any = {name: np.asarray(a) for name, a in arrays.items()}
        elif isinstance(arrays, (list, tuple)):
            self.arrays = [np.asarray(array) for array in arrays]
        else:
            raise TypeError(
                "MultiInput takes a dict of arrays by input name, or a list of "
                f"arrays, got {type(arrays).__name__}."
            )
        if not self.arrays:
            raise ValueError("MultiInput needs at least one array.")
        check_consistent_length(*self)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples and of inputs."""
        return len(self), len(self.arrays)

    def __len__(self) -> int:
        return len(next(iter(self)))

    def __iter__(self) -> Any:
        arrays = self.arrays
        return iter(arrays.values() if isinstance(arrays, dict) else arrays)

    def __getitem__(self, rows: Any) -> Self:
        # numpy's idiom for rows of an array of any rank: X[rows, ...]
        if isinstance(rows, tuple):
            rows = rows[0]
        return self.map(lambda array: array[rows])

    def map(self, function: Any) -> Self:
        """Apply ``function`` to each array."""
        if isinstance(self.arrays, dict):
            return type(self)({n: function(a) for n, a in self.arrays.items()})
        return type(self)([function(array) for array in self.arrays])

    def __repr__(self) -> str:
        arrays = self.arrays
        items = arrays.items() if isinstance(arrays, dict) else enumerate(arrays)
        shapes = ", ".join(f"{name}: {array.shape}" for name, array in items)
        return f"MultiInput({shapes})"
