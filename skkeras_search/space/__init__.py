"""Search spaces and their dimensions."""

from skkeras_search.space.dimensions import (
    Categorical,
    Dimension,
    Distribution,
    Integer,
    Range,
    Real,
    Steps,
)
from skkeras_search.space.notations import as_dimension
from skkeras_search.space.space import Space

__all__ = [
    "Categorical",
    "Dimension",
    "Distribution",
    "Integer",
    "Range",
    "Real",
    "Space",
    "Steps",
    "as_dimension",
]
