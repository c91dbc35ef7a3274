"""When and where the fits of a search were trained."""

from collections.abc import Sequence
from typing import Any

from skkeras_search.searches.learning_curves import pandas_for
from skkeras_search.searches.trained import Trained


def timeline(candidates: Sequence[Trained]) -> Any:
    """Put the fits of candidates below each other, as a frame of pandas.

    Parameters
    ----------
    candidates : sequence of Trained

    Returns
    -------
    pandas.DataFrame
        With a row for each time that a fit was trained.

    Raises
    ------
    ImportError
        Without pandas.
    """
    rows = [
        {
            "candidate": number,
            "fold": fit.fold,
            "repeat": fit.repeat,
            **{name: segment[name] for name in ("begun", "ended", "worker")},
            "status": candidate.status,
        }
        for number, candidate in enumerate(candidates)
        for fit, segments in sorted(candidate.fits.items())
        for segment in segments.segments
    ]
    return pandas_for("timeline_").DataFrame(rows)
