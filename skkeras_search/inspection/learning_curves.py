"""Display of the learning curves of the candidates of a search."""

from typing import Any, Self

import numpy as np

from skkeras_search.inspection.results import check_number, frame_of, read
from skkeras_search.inspection.style import CYCLE, axes_for, faint, least_shown
from skkeras_search.nearest_name import did_you_mean
from skkeras_search.statuses import FINISHED

INDEX = ("candidate", "fold", "repeat", "epoch")


class LearningCurvesDisplay:
    """Display of the score, loss or metric of all candidates over the epochs.

    Lines are means over folds and repeats. The best candidates are colored, with a band of
    one standard deviation over folds and repeats. Other finished candidates are thin lines,
    and the lines of frozen or failed candidates are faint.

    Use ``from_search`` to create the display. The parameters of the constructor are stored
    as attributes.

    Parameters
    ----------
    curves : pandas.DataFrame
        Curves, with the columns ``candidate``, ``epoch``, ``mean`` and ``std``.
    best : list of int
        Candidates to color, the best first, as rows of ``cv_results_``.
    finished : list of int
        Finished candidates.
    y : str
        Name of the quantity, such as "val_loss".

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the plot.
    figure_ : matplotlib.figure.Figure
        Figure that contains the axes.

    Examples
    --------
    >>> import keras
    >>> from sklearn.datasets import load_iris
    >>> from skkeras_search import GridSearchCV, KerasClassifier
    >>> from skkeras_search.inspection import LearningCurvesDisplay
    >>> def create_model(units=8):
    ...     model = keras.Sequential(
    ...         [
    ...             keras.Input((4,)),
    ...             keras.layers.Dense(units, activation="relu"),
    ...             keras.layers.Dense(3, activation="softmax"),
    ...         ]
    ...     )
    ...     model.compile("adam", "sparse_categorical_crossentropy")
    ...     return model
    >>> classifier = KerasClassifier(create_model, epochs=3, verbose=0, random_state=0)
    >>> search = GridSearchCV(classifier, {"units": [8, 16]}, cv=2)
    >>> search = search.fit(*load_iris(return_X_y=True))
    >>> display = LearningCurvesDisplay.from_search(search, "loss")
    >>> display.curves["epoch"].tolist()
    [1, 2, 3, 1, 2, 3]
    """

    def __init__(self, curves: Any, *, best: list[int], finished: list[int], y: str):
        self.curves = curves
        self.best = best
        self.finished = finished
        self.y = y

    @classmethod
    def from_search(
        cls,
        search: Any,
        y: str | None = None,
        *,
        n_best: int = 3,
        metric: str | None = None,
        ax: Any = None,
    ) -> Self:
        """Plot the learning curves of a search.

        Parameters
        ----------
        search : fitted search or LoadedSearch
            Search of this package over Keras estimators. It may still be running.
        y : str, default=None
            Quantity to show, a column of ``learning_curves_``. None means "score" if
            candidates were scored during training, and otherwise "val_loss" or "loss", the
            first that was recorded.
        n_best : int, default=3
            Number of best candidates to color.
        metric : str, default=None
            Metric that determines the best candidates, for a search with several metrics.
            None means the metric that ``refit`` names, or otherwise the first.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None means a new figure.

        Returns
        -------
        LearningCurvesDisplay

        Raises
        ------
        NotFittedError
            If no candidate was evaluated yet.
        TypeError
            If ``search`` is not a search.
        ValueError
            If the search has no learning curves, ``y`` was not recorded, or ``n_best`` or
            ``metric`` is invalid.
        ImportError
            If matplotlib or pandas is not installed.
        """
        check_number("n_best", n_best, least=0)
        results = read(search, metric, finished=False)
        table = frame_of(results, "learning_curves_", "learning curves")
        if not table["epoch"].any():
            raise ValueError(
                "The estimator of this search has no epochs, so there are no learning "
                "curves. Only Keras estimators have learning curves."
            )
        measured = [name for name in table.columns if name not in INDEX]
        y = _most_telling(table, measured) if y is None else y
        if y not in measured:
            raise ValueError(
                f"y={y!r} was not recorded. The search has recorded {measured}."
                + did_you_mean(str(y), measured)
            )
        known = table[table[y].notna() & (table["epoch"] > 0)]
        if known.empty:
            raise ValueError(f"y={y!r} is NaN in all epochs.")
        of_epoch = known.groupby(["candidate", "epoch"])[y]
        curves = of_epoch.agg(["mean", "std"]).fillna({"std": 0.0}).reset_index()
        finished = np.flatnonzero(results.status == FINISHED).tolist()
        best = results.by_score()[:n_best].tolist()
        return cls(curves, best=best, finished=finished, y=y).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw on. None means a new figure.

        Returns
        -------
        LearningCurvesDisplay
            The display itself.
        """
        ax = axes_for(ax, type(self).__name__)
        curves = dict(iter(self.curves.groupby("candidate", sort=True)))
        others = [n for n in curves if n not in self.best]
        finished = [curves[n] for n in others if n in set(self.finished)]
        rest = [curves[n] for n in others if n not in set(self.finished)]
        crowd = max(0.3, min(1.0, 40 / (len(curves) or 1)))  # fainter if there are many
        _draw_many(ax, rest, 0.18 * crowd, "frozen or failed")
        _draw_many(ax, finished, 0.4 * crowd, "finished")
        for place, n in reversed(list(enumerate(self.best))):
            if n in curves:
                label = f"candidate {n}" + (" (best)" if place == 0 else "")
                _draw_best(ax, curves[n], CYCLE[place % len(CYCLE)], label)
        ax.set(xlabel="epoch", ylabel=self.y.replace("$", r"\$"))
        ax.xaxis.get_major_locator().set_params(integer=True)
        handles, labels = ax.get_legend_handles_labels()
        ax.legend(handles[::-1], labels[::-1], fontsize="small")
        ax.autoscale_view()
        shown = self.curves["mean"].to_numpy()  # outliers are cut off below
        low, high = least_shown(shown), -least_shown(-shown)
        bands = self.curves[self.curves["candidate"].isin(self.best)]
        low = min([low, *(bands["mean"] - bands["std"])])
        high = max([high, *(bands["mean"] + bands["std"])])
        margin = 0.06 * ((high - low) or abs(high) or 1.0)
        # A logarithmic axis, which a user may set, needs a limit above zero.
        bottom = max(low - margin, low / 2) if low > 0 else low - margin
        ax.set_ylim(bottom, high + margin)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _most_telling(table: Any, measured: list[str]) -> str:
    """Choose the quantity to show: scores if there are several per fit, or a loss."""
    scored = table[table["score"].notna()].groupby(["candidate", "fold", "repeat"]).size()
    wanted = ["score"] if (scored > 1).any() else []
    return next(name for name in [*wanted, "val_loss", "loss", "score"] if name in measured)


def _draw_many(ax: Any, curves: list[Any], alpha: float, label: str) -> None:
    from matplotlib.collections import LineCollection

    if not curves:
        return
    lines = [curve[["epoch", "mean"]].to_numpy() for curve in curves]
    style: dict[str, Any] = {"colors": faint(), "alpha": alpha, "linewidths": 1}
    ax.add_collection(LineCollection(lines, label=label, **style))
    points = [line[0] for line in lines if len(line) == 1]  # a single epoch has no line
    if points:
        ax.plot(*np.array(points).T, ".", color=faint(), alpha=alpha)


def _draw_best(ax: Any, curve: Any, color: str, label: str) -> None:
    epoch, mean, std = (curve[name].to_numpy() for name in ("epoch", "mean", "std"))
    marker = "o" if len(epoch) < 15 else None
    ax.plot(epoch, mean, color=color, linewidth=2, marker=marker, ms=4, label=label)
    ax.fill_between(epoch, mean - std, mean + std, color=color, alpha=0.18, linewidth=0)
