"""Axes of plots for the values of a hyperparameter: numbers, or categories side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skkeras_search.inspection.labels import short, shortest_names
from skkeras_search.space.dimensions import (
    Categorical,
    Dimension,
    Integer,
    Real,
    is_number,
)
from skkeras_search.space.space import INACTIVE

# Number of labels that fit on one axis.
MOST_LABELS = 24
# Total length of labels that fit side by side without rotation.
MOST_CHARACTERS = 60
# Smallest ratio of the greatest to the least value for which an axis may be logarithmic.
LEAST_RATIO = 8


@dataclass(frozen=True, eq=False)
class Axis:
    """Axis for the values of a hyperparameter.

    Attributes
    ----------
    name : str
        Name of the hyperparameter.
    dimension : Real or Categorical
        Real numbers on a linear or logarithmic scale, or categories.
    is_conditional : bool
        Whether the hyperparameter is inactive in some candidates.
    """

    name: str
    dimension: Real | Categorical
    is_conditional: bool = False

    @property
    def is_numeric(self) -> bool:
        """Whether the values are numbers."""
        return isinstance(self.dimension, Real)

    @property
    def is_log(self) -> bool:
        """Whether the axis is logarithmic."""
        return self.dimension.prior == "log-uniform"

    @property
    def varies(self) -> bool:
        """Whether candidates differ in their value, or in whether they have one."""
        return self.is_numeric or self.dimension.n_values > 1 or self.is_conditional

    @property
    def labels(self) -> list[str]:
        """Labels of the categories."""
        return [short(category) for category in self.dimension.bounds]

    def coordinates(self, params: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Return coordinates between 0 and 1, and NaN where the parameter is inactive."""
        return np.array(
            [self._encode(p[self.name]) if self.name in p else np.nan for p in params]
        )

    def _encode(self, value: Any) -> float:
        # A large integer is rounded like the bounds; otherwise it could be out of bounds.
        return self.dimension.encode(float(value) if self.is_numeric else value)

    def filled(self, params: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Return coordinates, with the middle of the axis for inactive hyperparameters."""
        coordinates = self.coordinates(params)
        return np.where(np.isnan(coordinates), INACTIVE, coordinates)

    def places(self, coordinates: np.ndarray) -> np.ndarray:
        """Convert coordinates to positions in a plot: numbers, or indices of categories."""
        if self.is_numeric:
            decode = self.dimension.decode
            return np.array([np.nan if np.isnan(c) else decode(c) for c in coordinates])
        return coordinates * self.dimension.n_values - 0.5

    def line(self, n: int = 100) -> np.ndarray:
        """Return ``n`` coordinates along a numeric axis, or those of all categories."""
        if self.is_numeric:
            return np.linspace(0, 1, n)
        n = int(self.dimension.n_values)
        return (np.arange(n) + 0.5) / n

    def set_up(
        self, ax: Any, which: str, label: str | None = None, most: int = MOST_LABELS
    ) -> None:
        """Set the scale, the ticks and the label of one axis of a plot.

        Parameters
        ----------
        ax : matplotlib.axes.Axes
            Axes of the plot.
        which : {"x", "y"}
            Axis to set up.
        label : str, default=None
            Label of the axis. None means the name of the hyperparameter.
        most : int, default=24
            Largest number of labels of categories.
        """
        ax.set(**{f"{which}label": short_name(self.name) if label is None else label})
        if self.is_numeric:
            ax.set(**{f"{which}scale": "log" if self.is_log else "linear"})
            return
        labels = self.labels
        step = -(-len(labels) // most)
        axis = ax.xaxis if which == "x" else ax.yaxis
        axis.set_ticks(range(0, len(labels), step), labels=labels[::step])
        ax.set(**{f"{which}lim": (-0.5, len(labels) - 0.5)})
        if which == "x" and sum(map(len, labels[::step])) > MOST_CHARACTERS:
            turned = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
            ax.set_xticks(ax.get_xticks(), labels=labels[::step], **turned)


def short_name(name: str) -> str:
    """Shorten a name for use as a label, without the names of pipeline steps."""
    return shortest_names([name])[name]


def axis_of(
    name: str, values: Sequence[Any], declared: Dimension | None, is_conditional: bool
) -> Axis:
    """Create the axis of a hyperparameter.

    Parameters
    ----------
    name : str
        Name of the hyperparameter.
    values : sequence
        Values of the candidates.
    declared : Dimension or None
        Dimension of the space, if it is known. Its bounds and its order are used if it
        contains all values.
    is_conditional : bool
        Whether the hyperparameter is inactive in some candidates.

    Returns
    -------
    Axis
    """
    if declared is not None and not all(value in declared for value in values):
        declared = None
    known = list(getattr(declared, "categories", ())) or list(values)
    of_range = declared if isinstance(declared, (Real, Integer)) else None
    bounds = list(of_range.bounds) if of_range else []
    if (numbers := _as_numbers([*known, *bounds])) is not None:
        prior: Any = of_range.prior if of_range else _prior(numbers)
        try:
            dimension = Real(numbers.min(), numbers.max(), prior)
            return Axis(name, dimension, is_conditional)
        except ValueError:  # all numbers are equal, or too close together
            pass
    given = getattr(declared, "categories", None)
    return Axis(name, Categorical(given or _in_order(values)), is_conditional)


def _as_numbers(values: Sequence[Any]) -> np.ndarray | None:
    """Convert values to floating-point numbers; return None if this is impossible."""
    if not all(map(is_number, values)):
        return None
    try:
        numbers = np.array([float(value) for value in values])
    except OverflowError:
        return None
    return numbers if np.isfinite(numbers).all() else None


def _prior(numbers: np.ndarray) -> Any:
    """Choose the scale on which the numbers are more evenly spread."""
    numbers = np.unique(numbers)
    if numbers[0] <= 0 or numbers[-1] < LEAST_RATIO * numbers[0]:
        return "uniform"
    uneven, uneven_logs = map(_unevenness, (numbers, np.log(numbers)))
    return "log-uniform" if uneven_logs <= uneven else "uniform"


def _unevenness(numbers: np.ndarray) -> float:
    gaps = np.diff(numbers)
    return float(np.std(gaps) / np.mean(gaps))


def _in_order(values: Sequence[Any]) -> list[Any]:
    """Sort values: numbers in ascending order, then others in order of appearance."""
    numbers = [v for v in values if is_number(v) and v == v]
    others = [v for v in values if not (is_number(v) and v == v)]
    if all(isinstance(value, (bool, np.bool_)) for value in others):
        others = sorted(others)
    return sorted(numbers) + others
