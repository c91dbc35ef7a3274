"""When and where the fits of a search were trained."""

from collections.abc import Sequence
from typing import Any

from skkeras_search.searches.learning_curves import pandas_for
from skkeras_search.searches.trained import Trained


def timeline(candidates: Sequence[Trained]) -> Any:
    """Concatenate the times of all fits of candidates to a pandas DataFrame.

    Parameters
    ----------
    candidates : sequence of Trained
        The candidates.

    Returns
    -------
    pandas.DataFrame
        One row for each time that a fit was trained.

    Raises
    ------
    ImportError
        If pandas is not installed.
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
