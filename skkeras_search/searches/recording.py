"""Between a search and its storage: what has happened is read, what happens is written."""

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

NAME = "search"  # of a search that the user gave no name
PACKAGES = ("skkeras-search", "scikit-learn", "scipy", "numpy", "keras", "tensorflow")

# Why something may differ although the user has changed nothing.
HINTS = {
    "X": "A search inside a cross-validation has other rows in each fold, so it cannot "
    "have a storage of its own.",
    "folds of cv": "A cv that shuffles needs a random_state to make the same folds again.",
    "random_state": "A RandomState differs after each draw; an integer stays the same.",
}
ADOPTED = -1  # the run of jobs of an earlier search


class NoRecord:
    """Of a search without storage."""

    def earlier(self) -> list[Earlier]:
        """Give the candidates of the search that is extended."""
        return []

    def adopt(
        self, earlier: Earlier, number: int, params: dict[str, Any]
    ) -> list[tuple[Job, list[Result]]]:
        """Make a candidate of an earlier search one of this search."""
        raise NotImplementedError("There is no earlier search without storage.")

    def choose(self, name: str, value: Any) -> Any:
        """Give a value that the search has chosen."""
        return value

    def run(self, proposals: Any) -> "NotRecorded | Recorded":
        """Begin a run of jobs."""
        return NotRecorded(proposals)

    @property
    def has_run(self) -> bool:
        """Whether another run of jobs is recorded than those that have begun."""
        return False

    def let_go(self, number: int) -> None:
        """Learn that a candidate is not trained any further."""

    def end(self) -> None:
        """Learn that the search has come to its end."""


class NotRecorded:
    """A run of jobs without storage."""

    n_left = 0  # outcomes to be read

    def __init__(self, proposals: Any):
        self.propose = proposals.propose

    def replay(self) -> Iterator[tuple[Job, list[Result]]]:
        """Give what has happened: nothing."""
        return iter(())

    def arrive(self, job: Job, outcome: list[Result]) -> None:
        """Learn an outcome."""


class Record(NoRecord):
    """Of a search with a storage.

    Parameters
    ----------
    store : Store
    search : StoredSearch
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
        # The files of the states from which fits can go on.
        self._files: dict[tuple[int, Fit], StateFile] = {}

    def choose(self, name: str, value: Any) -> Any:
        """Keep a value that the search has chosen, and give the one that is kept."""
        if name not in self._choices:
            self._store.choose(self._search, name, value)
            self._choices[name] = value
        return self._choices[name]

    def earlier(self) -> list[Earlier]:
        """Give the candidates of the search that is extended."""
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
        """Make a candidate of an earlier search one of this search.

        Parameters
        ----------
        earlier : Earlier
        number : int
            Of the candidate in this search.
        params : dict

        Returns
        -------
        list of (Job, list of dict)
            Its jobs, which are not to be run, with their outcomes.
        """
        rows = [job for job in self.jobs_of(ADOPTED) if job.number == number]
        n_adopted = sum(job.arrived is not None for job in rows)
        begun = [job.id for job in rows if job.arrived is None]  # and then interrupted
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
        """Whether another run of jobs is recorded than those that have begun."""
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
        """Give the jobs of a run, in the order in which they were proposed."""
        return [job for job in self._jobs if job.run == run]

    def outcome_of(self, job: StoredJob) -> list[Result]:
        """Give the outcome of a job that has arrived."""
        results = []
        for stored in self._fits[job.id]:
            state = self._state_of(job.number, stored)
            results.append(result_of(stored, state))
        return results

    def propose(self, run: int, job: Job) -> int:
        """Note a job; give its id."""
        if any(later.run > run for later in self._jobs):
            self._store.void_after(self._search, run)
            self._jobs = [job for job in self._jobs if job.run <= run]
        text = text_of(job.params)
        return self._store.propose(self._search, run, job.number, text, self._place())

    def arrive(self, id_: int, job: Job, outcome: list[Result]) -> None:
        """Note an outcome."""
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
        except TypeError:  # trained from the start, if the search goes on elsewhere
            return None
        with self._store.errors():
            return self._store.states.write(name, *plain)


@dataclass
class Recorded:
    """A run of jobs, some of which are recorded."""

    record: Record
    proposals: Any
    number: int
    # Outcomes to be read.
    n_left: int = 0
    _ids: dict[Job, int] = field(default_factory=dict)
    # Those that were under way when the search ended.
    _pending: list[Job] = field(default_factory=list)

    def replay(self) -> Iterator[tuple[Job, list[Result]]]:
        """Give what has happened, in the order in which it did."""
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
        """Give the next job."""
        if self._pending:
            return self._pending.pop(0)
        job: Job | None = self.proposals.propose()
        if job is not None:
            self._ids[job] = self.record.propose(self.number, job)
        return job

    def arrive(self, job: Job, outcome: list[Result]) -> None:
        """Write an outcome."""
        self.record.arrive(self._ids.pop(job), job, outcome)


@contextmanager
def recording(search: Any) -> Iterator[Store | None]:
    """Have the storage of a search open in a block.

    Raises
    ------
    StorageError
        If it cannot be opened.
    """
    if search._file is None:
        yield None
        return
    with Store(search._file) as store:
        yield store


def record_of(search: Any, evaluation: Any, store: Store | None) -> NoRecord:
    """Find the record of a search, or begin one.

    Raises
    ------
    ValueError
        If another search is recorded under its name.
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
    """Say what differs, and what can be done."""
    in_detail = any(name.startswith("estimator__") for name in different)
    lines = [
        f"- {k} {v}\n" for k, v in different.items() if k != "estimator" or not in_detail
    ]
    hints = [f"{hint}\n" for name, hint in HINTS.items() if name in different]
    message = (
        f"storage={str(search.storage)!r} has another search of the name "
        f"{stored.name!r}:\n{''.join(lines + hints)}{_other_versions(stored)}"
        "Use the same to go on with that search, or give this one another search_name or "
        "another storage."
    )
    if may_be_extended([*different]) and "resume" in search.get_params(deep=False):
        return f"{message} Or take the old results into this search with resume='extend'."
    if search.resume == "extend":
        return (
            f"{message} resume='extend' takes old results only if their scores can be "
            "compared with new ones: the space, the number of candidates and the seed may "
            "be others."
        )
    return message


def settings_of(search: Any, evaluation: Any) -> dict[str, JSON]:
    """Give what is needed to make ``cv_results_`` from the records."""
    from skkeras_search.inspection.summary import described  # which loads all displays

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
    """The number of test rows for each training row, over all folds."""
    n_train, n_test = (sum(map(len, rows)) for rows in zip(*folds, strict=True))
    return n_test / n_train if n_train else math.nan


def text_of(params: dict[str, Any]) -> str:
    """Give hyperparameters as JSON; what is not plain as words."""
    return json.dumps(pack(params, special=describe))


def stored_fit(fit: Fit, share: float, result: Result, file: StateFile | None) -> StoredFit:
    """Make the row of a fit."""
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
    """Make the result of a fit from its row."""
    result: Result = {**unpack(stored.result), "fit_error": stored.error}
    if "so_far" in result:
        so_far = SoFar(**result["so_far"], history=unpack(stored.history))
        result["so_far"] = replace(so_far, state=state)
    return result


def _as_float(value: Any) -> JSON:
    return float(value) if isinstance(value, Real) else None


def _check_same(job: Job | None, stored: StoredJob) -> None:
    """Refuse to go on with other candidates than those that are recorded.

    Raises
    ------
    StorageError
    """
    now = None if job is None else (job.number, text_of(job.params))
    if now != (stored.number, stored.params):
        raise StorageError(
            f"The search proposes {'nothing' if job is None else job.params!r} where "
            f"{stored.params} is recorded, although all of its parameters are the same. "
            "Its sampler gives other numbers, maybe as a package has another version."
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
