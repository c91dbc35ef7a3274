"""Display of the score over one or two hyperparameters."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from skkeras_search.inspection.axis import Axis
from skkeras_search.inspection.results import Results, read
from skkeras_search.inspection.style import (
    BEST,
    BLUE,
    SCORES,
    axes_for,
    faint,
    label_of,
    least_shown,
    margin_of,
)
from skkeras_search.inspection.surrogate import Surrogate
from skkeras_search.space.dimensions import Categorical
from skkeras_search.statuses import FROZEN

# Number of predicted points along a line, and along each side of a plane.
N_LINE, N_PLANE = 100, 32
# Limit of the number of cells of a heatmap.
MOST_CELLS = 400
# Multiples of this number, modulo 1, spread any number of points evenly.
GOLDEN = 0.618
# Limit of the number of cells for which a heatmap shows numbers.
MOST_NUMBERS = 100


class Prediction(NamedTuple):
    """Prediction of the surrogate.

    Attributes
    ----------
    coordinates : list of ndarray
        Coordinates along the axis of each hyperparameter.
    mean, std : ndarray of shape (n,) or (n, m)
        Mean and standard deviation of the score.
    """

    coordinates: list[np.ndarray]
    mean: np.ndarray
    std: np.ndarray


class HyperparameterDisplay:
    """Display of the score over one or two hyperparameters.

    Points are candidates. The line or the surface is the mean that a Gaussian process
    predicts, and the band around a line is one standard deviation on each side. The process
    is that of ``BayesianSampler``. It is fitted to all hyperparameters, and its predictions
    are averaged over the hyperparameters that are not shown (partial dependence). Frozen
    candidates count with their last scores. If the candidates form a grid in two
    hyperparameters, a heatmap shows the mean score of each cell instead.

    Use ``from_search`` to create the display. The parameters of the constructor are stored
    as attributes.

    Parameters
    ----------
    axes : list of Axis
        Axes of the one or two hyperparameters.
    coordinates : ndarray of shape (n_candidates, n_axes)
        Coordinates, between 0 and 1, of the candidates that have the hyperparameters.
    scores : ndarray of shape (n_candidates,)
        Scores of these candidates, with NaN for failed ones.
    is_frozen : ndarray of bool of shape (n_candidates,)
        Whether each candidate is frozen.
    prediction : Prediction or None
        Prediction of the Gaussian process, with the fields ``coordinates``, ``mean`` and
        ``std``. None means that no prediction is drawn.
    is_grid : bool
        Whether to draw a heatmap.
    score_name : str
        Name of the score, for labels.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the plot.
    figure_ : matplotlib.figure.Figure
        Figure that contains the axes.

    References
    ----------
    J. Friedman, "Greedy function approximation: a gradient boosting machine", Annals of
    Statistics 29, 2001, section 8.2, on partial dependence.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import BayesSearchCV
    >>> from skkeras_search.inspection import HyperparameterDisplay
    >>> space = {"C": (1e-2, 1e2, "log-uniform"), "gamma": (1e-3, 1e1, "log-uniform")}
    >>> search = BayesSearchCV(SVC(), space, n_iter=8, random_state=0)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> HyperparameterDisplay.from_search(search, "C").ax_.get_xscale()
    'log'
    >>> display = HyperparameterDisplay.from_search(search, ("C", "gamma"))
    >>> display.prediction.mean.shape
    (32, 32)
    """

    def __init__(
        self,
        axes: list[Axis],
        coordinates: np.ndarray,
        *,
        scores: np.ndarray,
        is_frozen: np.ndarray,
        prediction: Prediction | None,
        is_grid: bool,
        score_name: str,
    ):
        self.axes = axes
        self.coordinates = coordinates
        self.scores = scores
        self.is_frozen = is_frozen
        self.prediction = prediction
        self.is_grid = is_grid
        self.score_name = score_name

    @classmethod
    def from_search(
        cls,
        search: Any,
        hyperparameters: str | Sequence[str],
        *,
        metric: str | None = None,
        surrogate: bool = True,
        ax: Any = None,
    ) -> Self:
        """Plot the scores of a search over one or two hyperparameters.

        Parameters
        ----------
        search : fitted search or LoadedSearch
            Search of this package or of scikit-learn. A search of this package may still be
            running.
        hyperparameters : str or sequence of one or two str
            Names of the hyperparameters to show.
        metric : str, default=None
            Metric to show, for a search with several metrics. None means the metric that
            ``refit`` names, or otherwise the first.
        surrogate : bool, default=True
            Whether to draw the prediction of the Gaussian process. It needs at least three
            finished candidates that have the hyperparameters.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None means a new figure.

        Returns
        -------
        HyperparameterDisplay

        Raises
        ------
        NotFittedError
            If no candidate was evaluated yet.
        TypeError
            If ``search`` is not a search.
        ValueError
            If no candidate is finished, no candidate with the hyperparameters has a score,
            or a name or the metric is unknown.
        ImportError
            If matplotlib is not installed.
        """
        names = [hyperparameters] if isinstance(hyperparameters, str) else hyperparameters
        results = read(search, metric)
        if not isinstance(names, Sequence) or len(names) not in (1, 2):
            raise ValueError(
                f"hyperparameters must contain one or two of {results.names}, got "
                f"{hyperparameters!r}."
            )
        if len(set(names)) != len(names):
            raise ValueError(
                f"hyperparameters={hyperparameters!r} contains the same name twice."
            )
        axes = [results.axis(name) for name in names]
        has_all = [n for n, p in enumerate(results.params) if set(names) <= p.keys()]
        params = [results.params[row] for row in has_all]
        scores = results.last_scores[has_all]
        if not np.isfinite(scores).any():
            raise ValueError(f"No candidate with {list(names)} has a score.")
        coordinates = np.column_stack([axis.coordinates(params) for axis in axes])
        is_grid = len(axes) == 2 and _is_grid(coordinates[np.isfinite(scores)])
        n_known = np.isfinite(results.scores[has_all]).sum()
        wanted = surrogate and n_known > 2 and not is_grid
        return cls(
            axes,
            coordinates,
            scores=scores,
            is_frozen=results.status[has_all] == FROZEN,
            prediction=_predict(results, axes) if wanted else None,
            is_grid=is_grid,
            score_name=label_of(results.metric),
        ).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None means a new figure.

        Returns
        -------
        HyperparameterDisplay
            The display itself.
        """
        self.ax_ = axes_for(ax, type(self).__name__)
        self.figure_ = self.ax_.figure
        if len(self.axes) == 1:
            self._draw_line()
        elif self.is_grid:
            self._draw_heatmap()
        else:
            self._draw_plane()
        for axis, which in zip(self.axes, "xy", strict=False):
            axis.set_up(self.ax_, which)
        return self

    def _best(self) -> int | None:
        """Return the row of the best candidate, or None if none is finished."""
        finished = np.where(self.is_frozen, np.nan, self.scores)
        return int(np.nanargmax(finished)) if np.isfinite(finished).any() else None

    def _draw_line(self) -> None:
        ax, (axis,) = self.ax_, self.axes
        x = axis.places(self.coordinates[:, 0])
        if not axis.is_numeric:  # so that points of equal scores do not overlap
            x = x + 0.4 * (np.arange(len(x)) * GOLDEN % 1 - 0.5)
        least = least_shown(self.scores)
        margin = margin_of(self.scores)
        if self.prediction is not None:
            _draw_prediction(ax, axis, self.prediction)
        shown = self.scores >= least
        strong = 0.7 if len(x) < 100 else 0.35
        for rows, alpha in (
            (shown & ~self.is_frozen, strong),
            (shown & self.is_frozen, 0.2),
        ):
            label = "frozen" if alpha == 0.2 else "candidates"
            if rows.any():
                ax.plot(
                    x[rows],
                    self.scores[rows],
                    "o",
                    ms=4,
                    c=faint(),
                    alpha=alpha,
                    label=label,
                )
        low, failed = self.scores < least, np.isnan(self.scores)
        for rows, marker, label in ((low, "v", "far below"), (failed, "x", "failed")):
            if rows.any():
                y = np.full(rows.sum(), least - margin)
                ax.plot(x[rows], y, marker, ms=5, c=faint(), alpha=0.6, label=label)
        if (best := self._best()) is not None:
            ax.plot(x[best], self.scores[best], "*", ms=13, c=BEST, label="best", zorder=4)
        ax.set(ylim=(least - 2 * margin, np.nanmax(self.scores) + 2 * margin))
        ax.set_ylabel(self.score_name)
        ax.legend(fontsize="small")

    def _draw_plane(self) -> None:
        ax = self.ax_
        places = [a.places(c) for a, c in zip(self.axes, self.coordinates.T, strict=True)]
        least, most = least_shown(self.scores), np.nanmax(self.scores)
        if self.prediction is not None:
            pairs = zip(self.axes, self.prediction.coordinates, strict=True)
            x, y = (axis.places(coordinates) for axis, coordinates in pairs)
            shown = np.clip(self.prediction.mean.T, least, most)
            mesh = ax.pcolormesh(
                x, y, shown, cmap=SCORES, shading="nearest", rasterized=True
            )
            ax.figure.colorbar(mesh, ax=ax, label=f"predicted {self.score_name}")
        colors = np.clip(self.scores, least, most)
        known = np.isfinite(colors)
        dots = {"edgecolors": "white", "linewidths": 0.8, "s": 28, "zorder": 3}
        scatter = ax.scatter(
            *(p[known] for p in places), c=colors[known], cmap=SCORES, **dots
        )
        if self.prediction is not None:
            scatter.set_clim(mesh.get_clim())
        else:
            ax.figure.colorbar(scatter, ax=ax, label=self.score_name)
        if not known.all():
            ax.plot(*(p[~known] for p in places), "x", c=faint(), ms=5, label="failed")
        if (best := self._best()) is not None:
            star = {"ms": 15, "c": BEST, "mec": "white", "label": "best", "zorder": 4}
            ax.plot(*(p[best] for p in places), "*", **star)
        if ax.get_legend_handles_labels()[1]:
            ax.legend(fontsize="small", loc="upper left", bbox_to_anchor=(0, 1.12), ncols=2)

    def _draw_heatmap(self) -> None:
        """Draw the mean score of each combination of values, in cells of equal size."""
        ax = self.ax_
        known = np.isfinite(self.scores)
        values, cells = zip(
            *(np.unique(c[known], return_inverse=True) for c in self.coordinates.T),
            strict=True,
        )
        sums, counts = np.zeros((2, *map(len, values)))
        np.add.at(sums, cells, self.scores[known])
        np.add.at(counts, cells, 1)
        means = (sums / counts).T
        image = ax.imshow(means, cmap=SCORES, origin="lower", aspect="auto")
        ax.figure.colorbar(image, ax=ax, label=self.score_name)
        self.axes = [_categories(a, v) for a, v in zip(self.axes, values, strict=True)]
        if means.size <= MOST_NUMBERS:
            middle = np.mean(image.get_clim())
            for (row, column), mean in np.ndenumerate(means):
                color = "black" if mean > middle else "white"
                text = f"{mean:.3g}"
                ax.text(column, row, text, ha="center", va="center", color=color, size=8)


def _predict(results: Results, axes: list[Axis]) -> Prediction:
    rows = np.flatnonzero(np.isfinite(results.last_scores))
    names = dict.fromkeys([axis.name for axis in axes]) | dict.fromkeys(results.varied)
    surrogate = Surrogate(
        [results.axis(name) for name in names],
        [results.params[row] for row in rows],
        results.last_scores[rows],
    )
    lines = [axis.line(N_LINE if len(axes) == 1 else N_PLANE) for axis in axes]
    points = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1)
    mean, std = surrogate.average([a.name for a in axes], points.reshape(-1, len(axes)))
    shape = points.shape[:-1]
    mean, std = mean.reshape(shape), std.reshape(shape)
    _hide_unknown(axes, results.params, mean)
    return Prediction(lines, mean, std)


def _hide_unknown(axes: list[Axis], params: Any, mean: np.ndarray) -> None:
    """Set the mean to NaN for categories that occur in none of the shown candidates."""
    names = {axis.name for axis in axes}
    together = [one for one in params if names <= one.keys()]
    for n, axis in enumerate(axes):
        if not axis.is_numeric:
            known = np.unique(axis.coordinates(together))
            is_known = np.isclose(axis.line()[:, None], known).any(axis=1)
            np.moveaxis(mean, n, 0)[~is_known] = np.nan


def _draw_prediction(ax: Any, axis: Axis, prediction: Prediction) -> None:
    x, mean, std = axis.places(prediction.coordinates[0]), prediction.mean, prediction.std
    if axis.is_numeric:
        ax.plot(x, mean, color=BLUE, linewidth=2, label="surrogate")
        ax.fill_between(x, mean - std, mean + std, color=BLUE, alpha=0.2, linewidth=0)
    else:
        bars = {"elinewidth": 12, "alpha": 0.35, "color": BLUE}
        ax.errorbar(x, mean, std, fmt="none", **bars)
        ax.plot(x, mean, "_", ms=24, mew=2, color=BLUE, label="surrogate")


def _is_grid(coordinates: np.ndarray) -> bool:
    """Return whether points form a grid with at least two values in each dimension."""
    sizes = [len(np.unique(column)) for column in coordinates.T]
    n_cells = np.prod(sizes)
    has_all = len(np.unique(coordinates, axis=0)) == n_cells
    return bool(has_all and min(sizes) > 1 and n_cells <= MOST_CELLS)


def _categories(axis: Axis, coordinates: np.ndarray) -> Axis:
    """Return an axis that has only the values at some coordinates, as categories."""
    values = [axis.dimension.decode(coordinate) for coordinate in coordinates]
    return Axis(axis.name, Categorical(values), axis.is_conditional)
