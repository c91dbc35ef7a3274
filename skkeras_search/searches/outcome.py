"""What callbacks are told about a candidate when one of its jobs has arrived."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skkeras_search.searches.faults import first_error
from skkeras_search.searches.jobs import Fit, Job, Result
from skkeras_search.searches.learning_curves import Curve
from skkeras_search.searches.trained import Trained


@dataclass(frozen=True)
class Outcome:
    """The state of a candidate after a job.

    Attributes
    ----------
    number : int
        Number of the candidate, in the order of the proposals.
    params : dict
        Hyperparameters of the candidate.
    status : {"finished", "frozen", "failed"}
        A frozen candidate may be trained further.
    scores : dict of Fit to dict of str to float
        For each fold and repeat, the last score of each metric. The only metric of a search
        without named metrics is "score".
    score : float
        The score that the search maximizes: the mean over the fits so far. NaN if one of
        them failed.
    curves : dict of Fit to Curve
        The learning curve of each fold and repeat.
    error : str or None
        The first failure in the job.
    begun, ended : float
        When the first fit of the job began and the last one ended, in seconds since 1970.
    worker : str or None
        Host and process of the first fit, as "host:pid".
    is_new : bool
        Whether the job was run now. False if it was read from a storage.
    """

    number: int
    params: dict[str, Any]
    status: str
    scores: dict[Fit, dict[str, float]]
    score: float
    curves: dict[Fit, Curve]
    error: str | None
    begun: float
    ended: float
    worker: str | None
    is_new: bool


def outcome_of(
    job: Job, results: Sequence[Result], trained: Trained, score: float, is_new: bool
) -> Outcome:
    """Describe the state of a candidate after a job.

    Parameters
    ----------
    job : Job
        The job that has arrived.
    results : sequence of dict
        Results of the fits of the job.
    trained : Trained
        The candidate, including these results.
    score : float
        Score of the candidate.
    is_new : bool
        Whether the job was run now.

    Returns
    -------
    Outcome
    """
    fits = trained.fits
    return Outcome(
        job.number,
        job.params,
        trained.status,
        {fit: _named(so_far.segments[-1]["test_scores"]) for fit, so_far in fits.items()},
        score,
        {fit: so_far.curve.copy() for fit, so_far in fits.items()},
        first_error(job.fits, results),
        min(result["begun"] for result in results),
        max(result["ended"] for result in results),
        results[0]["worker"],
        is_new,
    )


def _named(scores: Any) -> dict[str, float]:
    return dict(scores) if isinstance(scores, Mapping) else {"score": scores}
