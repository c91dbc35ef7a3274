"""Convert dimensions of a search space to distributions of Optuna.

Optuna stores numbers, and categories that are None, bool, int, float or str. For other
categories the study stores labels, and the position of the label identifies the object.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial

from skkeras_search.space import Categorical, Dimension, Integer, Range, Real, Steps
from skkeras_search.space.space import Space

PLAIN = (type(None), bool, int, float, str)
MOST_CHARACTERS = 80


class Parameter:
    """A hyperparameter in Optuna.

    Parameters
    ----------
    dimension : Dimension
        Dimension of the search space.

    Attributes
    ----------
    distribution : BaseDistribution
        Distribution of Optuna. For a prior or a distribution of scipy that Optuna does not
        have, it is the distribution of the quantile.
    """

    def __init__(self, dimension: Dimension):
        self._dimension = dimension
        self._by_coordinate = False
        self.distribution = self._make_distribution()

    def suggest(self, trial: Trial, name: str) -> Any:
        """Let a trial suggest a value."""
        match self.distribution:
            case FloatDistribution(low=low, high=high, log=log, step=step):
                return self.value(trial.suggest_float(name, low, high, log=log, step=step))
            case IntDistribution(low=low, high=high, log=log, step=step):
                return self.value(trial.suggest_int(name, low, high, log=log, step=step))
            case _:
                choices = self.distribution.choices  # type: ignore[attr-defined]
                return self.value(trial.suggest_categorical(name, choices))

    def value(self, stored: Any) -> Any:
        """Return the value for a value stored by Optuna."""
        if isinstance(self._dimension, Steps):
            position = round((stored - self._dimension.low) / self._dimension.step)
            return self._dimension.categories[position]
        if isinstance(self._dimension, Categorical):
            position = self.distribution.to_internal_repr(stored)
            return self._dimension.categories[int(position)]
        return self._dimension.decode(stored) if self._by_coordinate else stored

    def stored(self, value: Any) -> Any:
        """Return the value that Optuna stores for a value.

        Raises
        ------
        TypeError, ValueError
            If the value is not in the dimension.
        """
        coordinate = self._dimension.encode(value)
        if isinstance(self._dimension, Steps):
            return float(value)
        if isinstance(self._dimension, Categorical):
            choices = self.distribution.choices  # type: ignore[attr-defined]
            return choices[int(coordinate * len(choices))]
        if self._by_coordinate:
            return coordinate
        return value.item() if isinstance(value, np.generic) else value

    def _make_distribution(self) -> BaseDistribution:
        match self._dimension:
            case Steps() as steps:
                return FloatDistribution(steps.low, steps.high, step=steps.step)
            case Categorical(categories=categories):
                return CategoricalDistribution(labels(categories))
            case Range(numbers=numbers):
                return IntDistribution(numbers[0], numbers[-1], step=numbers.step)
            case Integer(low=low, high=high, prior="uniform" | "log-uniform" as prior):
                return IntDistribution(low, high, log=prior == "log-uniform")
            case Real(low=low, high=high, prior="uniform" | "log-uniform" as prior):
                return FloatDistribution(low, high, log=prior == "log-uniform")
        self._by_coordinate = True
        return FloatDistribution(0.0, 1.0)


def parameters_of(space: Space) -> dict[str, Parameter]:
    """Return the hyperparameters of a space in Optuna, by their names."""
    return {name: Parameter(dimension) for name, dimension in space.dimensions.items()}


def labels(categories: Sequence[Any]) -> tuple[Any, ...]:
    """Return labels of categories: the categories, or texts if Optuna cannot store one.

    Parameters
    ----------
    categories : sequence
        Categories of a dimension.

    Returns
    -------
    tuple
        Labels that are distinct for Optuna, too, which treats True and 1 as equal.

    Examples
    --------
    >>> from skkeras_search.interop.optuna.parameters import labels
    >>> labels(["adam", None])
    ('adam', None)
    >>> labels([(32,), (64, 32), len, 1, True])
    ('(32,)', '(64, 32)', 'len', '1', 'True')
    """
    if all(type(category) in PLAIN for category in categories):
        if len(set(categories)) == len(categories):
            return tuple(categories)
    found: list[str] = []
    for text in map(_text, categories):
        label, n = text, 1
        while label in found:
            n += 1
            label = f"{text} #{n}"
        found.append(label)
    return tuple(found)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(name := getattr(value, "__qualname__", None), str):
        return name
    # Addresses differ from process to process.
    text = re.sub(r" at 0x\w+", "", " ".join(repr(value).split()))
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."
