"""Between a search and its storage: read what has happened, and write what happens."""

import json
import math
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from importlib.metadata import PackageNotFoundError, version
from numbers import Real
from operator import attrgetter
from typing import Any

from skkeras_search.record.plain import JSON, pack, unpack
from skkeras_search.record.states import StateFile
from skkeras_search.record.store import (
    StorageError,
    Store,
    StoredFit,
    StoredJob,
    StoredSearch,
    named,
)
from skkeras_search.searches.earlier import Earlier, may_be_extended
from skkeras_search.searches.identity import describe, identity_of
from skkeras_search.searches.jobs import Fit, Job, Result
from skkeras_search.searches.results import TrainRanks
from skkeras_search.searches.so_far import SoFar

NAME = "search"  # the default of search_name
PACKAGES = ("skkeras-search", "scikit-learn", "scipy", "numpy", "keras", "tensorflow")

# Why a part of the identity may differ although the user has changed nothing.
HINTS = {
    "X": "A search inside a cross-validation receives other rows in each fold, so it "
    "cannot have a storage.",
    "folds of cv": "A cv that shuffles needs a random_state to make the same folds again.",
    "random_state": "A RandomState instance changes with each draw. Pass an int instead.",
}
ADOPTED = -1  # number of the run of jobs that were reused from an earlier search


class NoRecord:
    """The record of a search without storage."""

    def earlier(self) -> list[Earlier]:
        """Return the candidates of the search that is extended."""
        return []

    def adopt(
        self, earlier: Earlier, number: int, params: dict[str, Any]
    ) -> list[tuple[Job, list[Result]]]:
        """Make a candidate of an earlier search a candidate of this search."""
        raise NotImplementedError("Without a storage there is no earlier search.")

    def choose(self, name: str, value: Any) -> Any:
        """Return a value that the search has chosen."""
        return value

    def run(self, proposals: Any) -> "NotRecorded | Recorded":
        """Begin a run of jobs."""
        return NotRecorded(proposals)

    @property
    def has_run(self) -> bool:
        """Whether more runs of jobs are recorded than have begun now."""
        return False

    def let_go(self, number: int) -> None:
        """Note that a candidate is not trained any further."""

    def end(self) -> None:
        """Note that the search has ended."""


class NotRecorded:
    """A run of jobs without storage."""

    n_left = 0  # number of outcomes still to be read

    def __init__(self, proposals: Any):
        self.propose = proposals.propose

    def replay(self) -> Iterator[tuple[Job, list[Result]]]:
        """Return the recorded outcomes: none."""
        return iter(())

    def arrive(self, job: Job, outcome: list[Result]) -> None:
        """Ignore an outcome."""


class Record(NoRecord):
    """The record of a search with a storage.

    Parameters
    ----------
    store : Store
        The storage.
    search : StoredSearch
        The search in the storage.
    """

    def __init__(self, store: Store, search: StoredSearch):
        self._store, self._search = store, search
        before = store.generations(search.name)
        self._before = [s for s in before if s.generation < search.generation]
        self._fits_before: dict[int, list[StoredFit]] = {}
        for earlier in self._before:
            self._fits_before |= store.fits(earlier)
        self._choices = store.choices(search)
        self._jobs, self._fits = store.jobs(search), store.fits(search)
        events = [job.proposed for job in self._jobs]
        events += [job.arrived for job in self._jobs if job.arrived is not None]
        self._n_events = max(events, default=-1) + 1
        self._n_runs = 0
        # Files with the states from which fits can be continued.
        self._files: dict[tuple[int, Fit], StateFile] = {}

    def choose(self, name: str, value: Any) -> Any:
        """Store a value that the search has chosen, and return the stored one."""
        if name not in self._choices:
            self._store.choose(self._search, name, value)
            self._choices[name] = value
        return self._choices[name]

    def earlier(self) -> list[Earlier]:
        """Return the candidates of the search that is extended."""
        found: dict[str, Earlier] = {}
        for search in self._before:
            candidates: dict[int, Earlier] = {}
            jobs = [j for j in self._store.jobs(search) if j.arrived is not None]
            for job in sorted(jobs, key=attrgetter("number", "arrived")):
                candidates.setdefault(job.number, Earlier(job.params)).jobs.append(job)
            for candidate in candidates.values():
                found.setdefault(candidate.params, candidate)
        return list(found.values())

    def adopt(
        self, earlier: Earlier, number: int, params: dict[str, Any]
    ) -> list[tuple[Job, list[Result]]]:
        """Make a candidate of an earlier search a candidate of this search.

        Parameters
        ----------
        earlier : Earlier
            The candidate.
        number : int
            Number of the candidate in this search.
        params : dict
            Hyperparameters of the candidate.

        Returns
        -------
        list of (Job, list of dict)
            Its jobs, which need not run, with their outcomes.
        """
        rows = [job for job in self.jobs_of(ADOPTED) if job.number == number]
        n_adopted = sum(job.arrived is not None for job in rows)
        begun = [job.id for job in rows if job.arrived is None]  # interrupted while reused
        outcomes = []
        for n, stored in enumerate(earlier.jobs):
            fits = [fit._replace(state=None) for fit in self._fits_before[stored.id]]
            places = [Fit(fit.fold, fit.repeat) for fit in fits]
            options = [{"share": fit.share} for fit in fits]
            job = Job(number, params, places, (), options=options)
            if n >= n_adopted:
                id_ = begun.pop() if begun else self.propose(ADOPTED, job)
                self._store.arrive(id_, self._place(), fits, [])
            outcomes.append((job, [result_of(fit) for fit in fits]))
        return outcomes

    def run(self, proposals: Any) -> "Recorded":
        """Begin a run of jobs."""
        number = self._n_runs
        self._n_runs += 1
        return Recorded(self, proposals, number)

    @property
    def has_run(self) -> bool:
        """Whether more runs of jobs are recorded than have begun now."""
        return any(job.run >= self._n_runs for job in self._jobs)

    def let_go(self, number: int) -> None:
        """Remove the states of a candidate."""
        of_candidate = [key for key in self._files if key[0] == number]
        names = [self._files.pop(key).name for key in of_candidate]
        if names:
            self._store.forget_states(names)

    def end(self) -> None:
        """Remove all states."""
        for number in {number for number, _ in self._files}:
            self.let_go(number)

    def jobs_of(self, run: int) -> list[StoredJob]:
        """Return the jobs of a run, in the order of the proposals."""
        return [job for job in self._jobs if job.run == run]

    def outcome_of(self, job: StoredJob) -> list[Result]:
        """Return the outcome of a job that has arrived."""
        results = []
        for stored in self._fits[job.id]:
            state = self._state_of(job.number, stored)
            results.append(result_of(stored, state))
        return results

    def propose(self, run: int, job: Job) -> int:
        """Store that a job begins, and return its id."""
        if any(later.run > run for later in self._jobs):
            self._store.void_after(self._search, run)
            self._jobs = [job for job in self._jobs if job.run <= run]
        text = text_of(job.params)
        return self._store.propose(self._search, run, job.number, text, self._place())

    def arrive(self, id_: int, job: Job, outcome: list[Result]) -> None:
        """Store an outcome."""
        stored, replaced = [], []
        options = job.options or [{}] * len(job.fits)
        for fit, result, more in zip(job.fits, outcome, options, strict=True):
            key = (job.number, fit)
            if key in self._files:
                replaced.append(self._files.pop(key).name)
            file = self._write_state(id_, key, result)
            if file is not None:
                self._files[key] = file
            stored.append(stored_fit(fit, more.get("share", 1.0), result, file))
        self._store.arrive(id_, self._place(), stored, replaced)

    def _place(self) -> int:
        self._n_events += 1
        return self._n_events - 1

    def _state_of(self, number: int, stored: StoredFit) -> Any:
        if stored.state is None:
            return None
        found = self._store.states.read(stored.state)
        if found is None:
            return None
        from skkeras_search.estimators.plain_pause import of_plain

        self._files[number, Fit(stored.fold, stored.repeat)] = stored.state
        return of_plain(*found)

    def _write_state(
        self, id_: int, key: tuple[int, Fit], result: Result
    ) -> StateFile | None:
        so_far = result.get("so_far")
        if so_far is None or so_far.state is None:
            return None
        from skkeras_search.estimators.plain_pause import as_plain

        number, fit = key
        name = f"{self._search.id}-{number}-{fit.fold}-{fit.repeat}-{id_}"
        try:
            plain = as_plain(so_far.state)
        except TypeError:  # not plain data; a resumed search trains from the start
            return None
        with self._store.errors():
            return self._store.states.write(name, *plain)


@dataclass
class Recorded:
    """A run of jobs, some of which are already recorded."""

    record: Record
    proposals: Any
    number: int
    # Number of outcomes still to be read.
    n_left: int = 0
    _ids: dict[Job, int] = field(default_factory=dict)
    # Jobs that were under way when the search ended.
    _pending: list[Job] = field(default_factory=list)

    def replay(self) -> Iterator[tuple[Job, list[Result]]]:
        """Yield the recorded jobs and outcomes, in the order in which they arrived."""
        recorded = self.record.jobs_of(self.number)
        events = [(job.proposed, False, job) for job in recorded]
        arrived = [(job.arrived, True, job) for job in recorded if job.arrived is not None]
        self.n_left = len(arrived)
        under_way: dict[int, Job] = {}
        for _, has_arrived, stored in sorted(events + arrived):
            if has_arrived:
                self.n_left -= 1
                yield under_way.pop(stored.id), self.record.outcome_of(stored)
                continue
            job = self.proposals.propose()
            _check_same(job, stored)
            under_way[stored.id] = job
        self._pending = list(under_way.values())
        self._ids = {job: id_ for id_, job in under_way.items()}

    def propose(self) -> Job | None:
        """Return the next job."""
        if self._pending:
            return self._pending.pop(0)
        job: Job | None = self.proposals.propose()
        if job is not None:
            self._ids[job] = self.record.propose(self.number, job)
        return job

    def arrive(self, job: Job, outcome: list[Result]) -> None:
        """Store an outcome."""
        self.record.arrive(self._ids.pop(job), job, outcome)


@contextmanager
def recording(search: Any) -> Iterator[Store | None]:
    """Open the storage of a search in a block.

    Yields
    ------
    Store or None
        None if the search has no storage.

    Raises
    ------
    StorageError
        If the storage cannot be opened.
    """
    if search._file is None:
        yield None
        return
    with Store(search._file) as store:
        yield store


def record_of(search: Any, evaluation: Any, store: Store | None) -> NoRecord:
    """Return the record of a search. Begin a record if there is none.

    Raises
    ------
    ValueError
        If a different search is recorded under this name.
    """
    if store is None:
        return NoRecord()
    name = NAME if search.search_name is None else search.search_name
    identity = identity_of(search, evaluation)
    known = store.generations(name)
    same = [stored for stored in known if stored.identity == identity]
    stored = next(iter(same or known), None)
    if stored is None:
        settings = settings_of(search, evaluation)
        stored = store.begin(name, type(search).__name__, identity, settings)
    elif different := named(identity, stored.identity):
        if search.resume != "extend" or not may_be_extended([*different]):
            raise ValueError(_refusal(search, stored, different))
        settings, generation = settings_of(search, evaluation), stored.generation + 1
        kept = store.choices(stored)
        stored = store.begin(name, stored.kind, identity, settings, generation)
        if "random_state" in kept:
            store.choose(stored, "random_state", kept["random_state"])
    return Record(store, stored)


def _refusal(search: Any, stored: StoredSearch, different: dict[str, str]) -> str:
    """Return a message that says what differs and what can be done."""
    in_detail = any(name.startswith("estimator__") for name in different)
    lines = [
        f"- {k} {v}\n" for k, v in different.items() if k != "estimator" or not in_detail
    ]
    hints = [f"{hint}\n" for name, hint in HINTS.items() if name in different]
    message = (
        f"storage={str(search.storage)!r} already has a different search with the name "
        f"{stored.name!r}:\n{''.join(lines + hints)}{_other_versions(stored)}"
        "To continue the stored search, use the same settings and data. Otherwise give "
        "this search another search_name or another storage."
    )
    if may_be_extended([*different]) and "resume" in search.get_params(deep=False):
        return f"{message} To reuse the stored results here, set resume='extend'."
    if search.resume == "extend":
        return (
            f"{message} resume='extend' reuses results only if their scores can be "
            "compared with new ones: only the space, the number of candidates and the seed "
            "may differ."
        )
    return message


def settings_of(search: Any, evaluation: Any) -> dict[str, JSON]:
    """Return what is needed to compute ``cv_results_`` from the stored fits."""
    from skkeras_search.inspection.summary import described  # imports all displays

    return {
        "n_splits": len(evaluation.folds),
        "n_repeats": search.n_repeats,
        "test_ratio": _test_ratio(evaluation.folds),
        "refit": None if callable(search.refit) else search.refit,
        "ranks_train_scores": isinstance(search, TrainRanks),
        "in_steps": hasattr(search, "_rule"),
        "has_callable_scoring": callable(search.scoring),
        "return_train_score": search.return_train_score,
        "error_score": search.error_score,
        "versions": _versions(),
        "spaces": described(search),
    }


def _test_ratio(folds: Any) -> float:
    """Return the number of test rows per training row, over all folds."""
    n_train, n_test = (sum(map(len, rows)) for rows in zip(*folds, strict=True))
    return n_test / n_train if n_train else math.nan


def text_of(params: dict[str, Any]) -> str:
    """Return hyperparameters as JSON. Values that are not plain data are described."""
    return json.dumps(pack(params, special=describe))


def stored_fit(fit: Fit, share: float, result: Result, file: StateFile | None) -> StoredFit:
    """Make the database row of a fit."""
    plain = {k: v for k, v in result.items() if k not in ("fit_error", "so_far")}
    so_far: SoFar | None = result.get("so_far")
    if so_far is not None:
        written = {f.name: getattr(so_far, f.name) for f in fields(so_far)}
        for name in ("history", "state", "preprocessing"):
            del written[name]
        plain["so_far"] = written
    return StoredFit(
        *fit,
        share,
        so_far.n_epochs if so_far else None,
        pack(plain, special=_as_float),
        result["fit_error"],
        pack(so_far.history, special=_as_float) if so_far else None,
        file,
    )


def result_of(stored: StoredFit, state: Any = None) -> Result:
    """Make the result of a fit from its database row."""
    result: Result = {**unpack(stored.result), "fit_error": stored.error}
    if "so_far" in result:
        so_far = SoFar(**result["so_far"], history=unpack(stored.history))
        result["so_far"] = replace(so_far, state=state)
    return result


def _as_float(value: Any) -> JSON:
    return float(value) if isinstance(value, Real) else None


def _check_same(job: Job | None, stored: StoredJob) -> None:
    """Check that the search proposes the candidate that is recorded.

    Raises
    ------
    StorageError
        If it proposes another candidate.
    """
    now = None if job is None else (job.number, text_of(job.params))
    if now != (stored.number, stored.params):
        raise StorageError(
            f"The search proposes {'nothing' if job is None else job.params!r}, but "
            f"{stored.params} is recorded, although all parameters of the search are the "
            "same. The sampler draws other numbers, possibly because another version of a "
            "package is installed."
        )


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _other_versions(stored: StoredSearch) -> str:
    now, before = _versions(), stored.settings["versions"]
    other = [f"{k} {before[k]}, now {v}" for k, v in now.items() if before.get(k, v) != v]
    return f"It was recorded with {'; '.join(other)}.\n" if other else ""
