"""The learning curves of a search: what Keras reports for each epoch, and scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Curve:
    """The learning curve of a fit.

    Attributes
    ----------
    history : dict of str to list
        The values that Keras reports, for each epoch.
    scores : dict of int to float
        Scores of the search, by the number of epochs that were trained.
    """

    history: Mapping[str, list[Any]] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)

    def add(self, history: Mapping[str, list[Any]], n_epochs: int, score: float) -> None:
        """Extend the curve to a number of epochs, at which the fit was scored."""
        self.history = history
        self.scores[n_epochs] = score

    def copy(self) -> "Curve":
        """Return a copy of the curve."""
        return Curve(dict(self.history), dict(self.scores))

    def columns(self) -> dict[str, np.ndarray]:
        """Return columns of the same length, with "epoch" and "score" among them.

        Values that were not measured in each epoch, for example because of
        ``validation_freq``, are left out. Without epochs, there is one row, of epoch 0.
        """
        n_epochs = len(self.history.get("loss", ()))
        epochs = np.arange(1, n_epochs + 1) if n_epochs else np.zeros(1, int)
        scores = np.array([self.scores.get(int(epoch), np.nan) for epoch in epochs])
        columns = {"epoch": epochs, "score": scores}
        for name, values in self.history.items():
            if len(values) == n_epochs:
                columns[name] = np.asarray(values)
        return columns


def as_frame(curves: Mapping[tuple[int, int, int], Curve]) -> Any:
    """Concatenate curves to a pandas DataFrame.

    Parameters
    ----------
    curves : mapping of (int, int, int) to Curve
        Curves by candidate, fold and repeat.

    Returns
    -------
    pandas.DataFrame

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    pd = pandas_for("learning_curves_")
    parts = [curve.columns() for curve in curves.values()]
    n_epochs = [len(part["epoch"]) for part in parts]
    places = np.repeat(np.array(list(curves)), n_epochs, axis=0)
    columns = dict(zip(("candidate", "fold", "repeat"), places.T, strict=True))
    for name in dict.fromkeys(name for part in parts for name in part):
        columns[name] = np.concatenate(
            [
                part[name] if name in part else np.full(n, np.nan)
                for part, n in zip(parts, n_epochs, strict=True)
            ]
        )
    return pd.DataFrame(columns)


def pandas_for(attribute: str) -> Any:
    """Import pandas, to compute an attribute.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            f"{attribute} is a pandas DataFrame, but pandas is not installed. Install it "
            "with pip install skkeras-search[frames]."
        ) from error
    return pandas
