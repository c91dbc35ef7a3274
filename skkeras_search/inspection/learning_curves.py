"""The learning curves of the candidates of a search."""

from typing import Any, Self

import numpy as np

from skkeras_search.inspection.results import check_number, frame_of, read
from skkeras_search.inspection.style import CYCLE, axes_for, faint, least_shown
from skkeras_search.nearest_name import did_you_mean
from skkeras_search.statuses import FINISHED

INDEX = ("candidate", "fold", "repeat", "epoch")


class LearningCurvesDisplay:
    """What was measured after each epoch, of all candidates.

    Lines are means over the folds and repeats. The best candidates are coloured, with a
    band of one standard deviation over folds and repeats. Finished candidates are thin
    lines, and those that are frozen, or failed, are faint.

    Create it with ``from_search``.

    Parameters
    ----------
    curves : pandas.DataFrame
        With the columns ``candidate``, ``epoch``, ``mean`` and ``std``.
    best : list of int
        The candidates to colour, the best first.
    finished : list of int
        The candidates that are finished.
    y : str
        What was measured.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
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
        search : GridSearchCV or another search of this package, or LoadedSearch
            Of Keras estimators, fitted or running.
        y : str, optional
            A column of ``learning_curves_``. By default "score" if that was measured while
            candidates were trained, else "val_loss" if there is one, else "loss".
        n_best : int, default=3
            Number of candidates to colour.
        metric : str, optional
            By which candidates are the best, for a search with several metrics.
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        LearningCurvesDisplay

        Raises
        ------
        NotFittedError, TypeError
            If there is nothing to show.
        ValueError
            Also if the search keeps no learning curves, the estimator has no epochs, or
            ``y`` was not measured.
        """
        check_number("n_best", n_best, least=0)
        results = read(search, metric, finished=False)
        table = frame_of(results, "learning_curves_", "learning curves")
        if not table["epoch"].any():
            raise ValueError(
                "The fits of this search have no epochs, so there are no learning curves. "
                "Keras estimators have them."
            )
        measured = [name for name in table.columns if name not in INDEX]
        y = _most_telling(table, measured) if y is None else y
        if y not in measured:
            raise ValueError(
                f"y={y!r} was not measured; there are {measured}."
                + did_you_mean(str(y), measured)
            )
        known = table[table[y].notna() & (table["epoch"] > 0)]
        if known.empty:
            raise ValueError(f"y={y!r} is not a number in any epoch.")
        of_epoch = known.groupby(["candidate", "epoch"])[y]
        curves = of_epoch.agg(["mean", "std"]).fillna({"std": 0.0}).reset_index()
        finished = np.flatnonzero(results.status == FINISHED).tolist()
        best = results.by_score()[:n_best].tolist()
        return cls(curves, best=best, finished=finished, y=y).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Draw on axes, by default on those of a new figure.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        LearningCurvesDisplay
        """
        ax = axes_for(ax, type(self).__name__)
        curves = dict(iter(self.curves.groupby("candidate", sort=True)))
        others = [n for n in curves if n not in self.best]
        finished = [curves[n] for n in others if n in set(self.finished)]
        rest = [curves[n] for n in others if n not in set(self.finished)]
        crowd = max(0.3, min(1.0, 40 / (len(curves) or 1)))  # many are fainter each
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
        shown = self.curves["mean"].to_numpy()  # without what is far from all others
        low, high = least_shown(shown), -least_shown(-shown)
        bands = self.curves[self.curves["candidate"].isin(self.best)]
        low = min([low, *(bands["mean"] - bands["std"])])
        high = max([high, *(bands["mean"] + bands["std"])])
        margin = 0.06 * ((high - low) or abs(high) or 1.0)
        ax.set_ylim(low - margin, high + margin)
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _most_telling(table: Any, measured: list[str]) -> str:
    """Choose what to show: scores if there are some on the way, or a loss."""
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
    points = [line[0] for line in lines if len(line) == 1]  # of which there is no line
    if points:
        ax.plot(*np.array(points).T, ".", color=faint(), alpha=alpha)


def _draw_best(ax: Any, curve: Any, color: str, label: str) -> None:
    epoch, mean, std = (curve[name].to_numpy() for name in ("epoch", "mean", "std"))
    marker = "o" if len(epoch) < 15 else None
    ax.plot(epoch, mean, color=color, linewidth=2, marker=marker, ms=4, label=label)
    ax.fill_between(epoch, mean - std, mean + std, color=color, alpha=0.18, linewidth=0)
