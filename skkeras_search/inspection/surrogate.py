"""A Gaussian process fitted to the scores of a search."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from skkeras_search.inspection.axis import Axis
from skkeras_search.inspection.style import least_shown
from skkeras_search.samplers.gaussian_process import GaussianProcess
from skkeras_search.samplers.one_thread import one_thread

# Limits of the numbers of candidates to fit and to average over, and of predictions.
MOST_LEARNED, MOST_AVERAGED, MOST_PREDICTED = 200, 50, 20_000


class Surrogate:
    """Gaussian process of ``BayesianSampler``, fitted to the candidates of a search.

    With more than 200 candidates, the process is fitted to the best 100 and to 100 of the
    others, spread evenly over the search.

    Parameters
    ----------
    axes : list of Axis
        Axes of all hyperparameters.
    params : list of dict
        Hyperparameters of the candidates that have a score.
    scores : ndarray of shape (n_candidates,)
        Scores of these candidates. Scores far below the others are raised to a limit, so
        that they do not dominate the scale.
    """

    def __init__(self, axes: list[Axis], params: Sequence[Any], scores: np.ndarray):
        kept = _some(scores, MOST_LEARNED)
        params, scores = [params[row] for row in kept], scores[kept]
        self._axes = axes
        self._vectors = np.column_stack([axis.filled(params) for axis in axes])
        self._is_set = np.column_stack([axis.coordinates(params) for axis in axes])
        self._is_set = ~np.isnan(self._is_set)
        values = np.maximum(scores, least_shown(scores))
        self._least, self._range = values.min(), np.ptp(values) or 1.0
        values = (values - self._least) / self._range  # so that squares do not overflow
        self._mean, self._scale = values.mean(), values.std() or 1.0
        unordered = np.array(
            [not a.is_numeric and not a.dimension.is_ordered for a in axes]
        )
        with one_thread():
            self._process = GaussianProcess(unordered).fit(
                self._vectors, (values - self._mean) / self._scale, np.zeros(len(values))
            )

    def average(self, names: Sequence[str], points: np.ndarray) -> tuple[Any, Any]:
        """Predict the score as a function of some hyperparameters.

        The predictions are averaged over the values that the candidates have for the other
        hyperparameters. Candidates without the given hyperparameters are left out. The
        result is the partial dependence of Friedman, 2001.

        Parameters
        ----------
        names : sequence of str
            Names of the given hyperparameters.
        points : ndarray of shape (n, n_names)
            Coordinates of the given hyperparameters.

        Returns
        -------
        mean, std : ndarray of shape (n,)
            Averages of the predicted mean and of the predicted standard deviation.
        """
        columns = [n for n, axis in enumerate(self._axes) if axis.name in names]
        columns.sort(key=lambda n: list(names).index(self._axes[n].name))
        others = self._vectors[self._is_set[:, columns].all(axis=1)]
        if len(columns) == len(self._axes):
            others = others[:1]
        most = min(MOST_AVERAGED, max(1, MOST_PREDICTED // len(points)))
        others = others[:: -(-len(others) // most)]
        vectors = np.tile(others, (len(points), 1))
        vectors[:, columns] = np.repeat(points, len(others), axis=0)
        mean, variance = self._process.predict(vectors)
        mean = mean.reshape(len(points), -1).mean(axis=1)
        std = np.sqrt(variance).reshape(len(points), -1).mean(axis=1)
        mean = self._least + self._range * (self._mean + self._scale * mean)
        return mean, self._range * self._scale * std


def _some(scores: np.ndarray, most: int) -> np.ndarray:
    """Choose all rows, or the best and some others that are evenly spread."""
    if len(scores) <= most:
        return np.arange(len(scores))
    best, rest = np.split(np.argsort(-scores, kind="stable"), [most // 2])
    rest = np.sort(rest)[np.linspace(0, len(rest) - 1, most - most // 2).astype(int)]
    return np.sort(np.r_[best, rest])
