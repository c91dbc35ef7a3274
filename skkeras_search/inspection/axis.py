"""The values of a hyperparameter on an axis: numbers, or categories side by side."""

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

# Labels that fit below each other.
MOST_LABELS = 24
# Of all labels, that fit beside each other.
MOST_CHARACTERS = 60
# From here on, the ratio of the greatest value to the least makes a logarithmic axis.
LEAST_RATIO = 8


@dataclass(frozen=True, eq=False)
class Axis:
    """Where the values of a hyperparameter are.

    Attributes
    ----------
    name : str
    dimension : Real or Categorical
        All numbers between bounds, linear or logarithmic; or categories.
    is_conditional : bool
        Whether some candidates do not have the hyperparameter.
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
        """Whether there is more than one value, or not to be set is one."""
        return self.is_numeric or self.dimension.n_values > 1 or self.is_conditional

    @property
    def labels(self) -> list[str]:
        """Of the categories."""
        return [short(category) for category in self.dimension.bounds]

    def coordinates(self, params: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Give coordinates in the unit interval, not a number where it is not set."""
        return np.array(
            [self._encode(p[self.name]) if self.name in p else np.nan for p in params]
        )

    def _encode(self, value: Any) -> float:
        # A great whole number is rounded as the bounds are, or it would be outside.
        return self.dimension.encode(float(value) if self.is_numeric else value)

    def filled(self, params: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Give coordinates, the middle of the axis where the hyperparameter is not set."""
        coordinates = self.coordinates(params)
        return np.where(np.isnan(coordinates), INACTIVE, coordinates)

    def places(self, coordinates: np.ndarray) -> np.ndarray:
        """Give what to plot for coordinates: numbers, or positions of categories."""
        if self.is_numeric:
            decode = self.dimension.decode
            return np.array([np.nan if np.isnan(c) else decode(c) for c in coordinates])
        return coordinates * self.dimension.n_values - 0.5

    def line(self, n: int = 100) -> np.ndarray:
        """Give coordinates all along the axis; those of the categories if it has such."""
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
        which : {"x", "y"}
        label : str, optional
        most : int, default=24
            Number of labels of categories.
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
    """Give a name by itself as a label: without the steps of a pipeline before it."""
    return shortest_names([name])[name]


def axis_of(
    name: str, values: Sequence[Any], declared: Dimension | None, is_conditional: bool
) -> Axis:
    """Make the axis of a hyperparameter.

    Parameters
    ----------
    name : str
    values : sequence
        That candidates have.
    declared : Dimension or None
        Of the space, if that is known. Bounds and order are taken from there if it has all
        of the values.
    is_conditional : bool
        Whether some candidates do not have the hyperparameter.
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
        except ValueError:  # there is one, or they are too near
            pass
    given = getattr(declared, "categories", None)
    return Axis(name, Categorical(given or _in_order(values)), is_conditional)


def _as_numbers(values: Sequence[Any]) -> np.ndarray | None:
    """Values as floating-point numbers, None if one is something else."""
    if not all(map(is_number, values)):
        return None
    try:
        numbers = np.array([float(value) for value in values])
    except OverflowError:
        return None
    return numbers if np.isfinite(numbers).all() else None


def _prior(numbers: np.ndarray) -> Any:
    """Choose the scale on which numbers are spread more evenly."""
    numbers = np.unique(numbers)
    if numbers[0] <= 0 or numbers[-1] < LEAST_RATIO * numbers[0]:
        return "uniform"
    uneven, uneven_logs = map(_unevenness, (numbers, np.log(numbers)))
    return "log-uniform" if uneven_logs <= uneven else "uniform"


def _unevenness(numbers: np.ndarray) -> float:
    gaps = np.diff(numbers)
    return float(np.std(gaps) / np.mean(gaps))


def _in_order(values: Sequence[Any]) -> list[Any]:
    """Numbers first, from the least to the greatest, then others as they appeared."""
    numbers = [v for v in values if is_number(v) and v == v]
    others = [v for v in values if not (is_number(v) and v == v)]
    if all(isinstance(value, (bool, np.bool_)) for value in others):
        others = sorted(others)
    return sorted(numbers) + others
