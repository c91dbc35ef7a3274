"""Several input arrays that scikit-learn handles as one ``X``."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_consistent_length


class MultiInput:
    """The arrays of a model with several inputs, as one ``X`` with rows.

    scikit-learn takes the length of ``X`` as the number of samples and splits ``X`` by
    rows. A dict or list of arrays has the wrong length for this, but a ``MultiInput`` has
    the rows of its arrays. Use it with ``cross_val_score``, the searches and other tools
    that split ``X``. The ``fit`` and ``predict`` of the estimators also accept the dict or
    list itself.

    Parameters
    ----------
    arrays : dict of str to array-like, or list of array-like
        One array for each input of the model, each of shape (n_samples, ...). The keys of
        a dict are the names of the inputs; a list has the order of the inputs.

    Attributes
    ----------
    arrays : dict of str to ndarray, or list of ndarray
        The arrays.
    shape : tuple of int
        ``(n_samples, n_inputs)``.

    Raises
    ------
    TypeError
        If ``arrays`` is not a dict, list or tuple.
    ValueError
        If there are no arrays, or they have different numbers of rows.

    See Also
    --------
    KerasClassifier : A Keras model as a classifier.
    KerasRegressor : A Keras model as a regressor.

    Notes
    -----
    ``len(X)`` is the number of samples. ``X[rows]`` selects the same rows of each array,
    by a slice, an array of positions or a boolean mask, and returns a ``MultiInput``.
    Iterating over it yields the arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from skkeras_search import MultiInput
    >>> X = MultiInput({"age": np.zeros((10, 1)), "words": np.zeros((10, 20))})
    >>> len(X), X.shape
    (10, (10, 2))
    >>> X[:3]
    MultiInput(age: (3, 1), words: (3, 20))
    """

    def __init__(self, arrays: Mapping[str, Any] | Sequence[Any]):
        if isinstance(arrays, Mapping):
            self.arrays: Any = {name: np.asarray(a) for name, a in arrays.items()}
        elif isinstance(arrays, (list, tuple)):
            self.arrays = [np.asarray(array) for array in arrays]
        else:
            raise TypeError(
                "arrays must be a dict of arrays with the names of the inputs as keys, or "
                f"a list of arrays, got an object of type {type(arrays).__name__}."
            )
        if not self.arrays:
            raise ValueError("arrays must contain at least one array, got none.")
        check_consistent_length(*self)

    @property
    def shape(self) -> tuple[int, int]:
        """The number of samples and the number of inputs."""
        return len(self), len(self.arrays)

    def __len__(self) -> int:
        return len(next(iter(self)))

    def __iter__(self) -> Any:
        arrays = self.arrays
        return iter(arrays.values() if isinstance(arrays, dict) else arrays)

    def __getitem__(self, rows: Any) -> Self:
        # X[rows, ...] is numpy's idiom for rows of an array of any rank.
        if isinstance(rows, tuple):
            rows = rows[0]
        return self.map(lambda array: array[rows])

    def map(self, function: Any) -> Self:
        """Apply a function to each array.

        Parameters
        ----------
        function : callable
            Takes an array of shape (n_samples, ...) and returns an array.

        Returns
        -------
        mapped : MultiInput
            The arrays that the function returns, under the same names.

        Examples
        --------
        >>> import numpy as np
        >>> from skkeras_search import MultiInput
        >>> X = MultiInput({"age": np.array([[20], [40]])})
        >>> X.map(lambda array: array / 10).arrays["age"].tolist()
        [[2.0], [4.0]]
        """
        if isinstance(self.arrays, dict):
            return type(self)({n: function(a) for n, a in self.arrays.items()})
        return type(self)([function(array) for array in self.arrays])

    def __repr__(self) -> str:
        arrays = self.arrays
        items = arrays.items() if isinstance(arrays, dict) else enumerate(arrays)
        shapes = ", ".join(f"{name}: {array.shape}" for name, array in items)
        return f"MultiInput({shapes})"
