"""Write a search for TensorBoard while it runs."""

import math
import os
from pathlib import Path
from typing import Any

from sklearn.callback import CallbackContext

from skkeras_search.searches.jobs import Fit
from skkeras_search.searches.outcome import Outcome
from skkeras_search.searches.progress import SearchCallback
from skkeras_search.statuses import FAILED, FROZEN
from skkeras_search.tensorboard.hparams import hparams_of

EVENTS = "events.out.tfevents"


class TensorBoardLogger(SearchCallback):
    """Callback that writes the progress of a search for TensorBoard.

    Pass the callback to ``set_callbacks`` of a search. It writes

    - for the HParams dashboard: the hyperparameters of each candidate, and its scores, both
      the mean of each metric and the score of each fold;
    - as scalars: the learning curves of each fold, in runs such as
      "candidate-0003/fold-1". Candidates and folds are numbered from 0;
    - as text: the error of a failed candidate.

    The dimension of a hyperparameter determines how TensorBoard shows it: as numbers in an
    interval, numeric choices, bools or text. None, tuples, functions and estimators are
    shown as text. Inactive hyperparameters are left out.

    Parameters
    ----------
    log_dir : str or path-like
        Directory for the files, which is created if necessary. Each search needs its own
        directory. A search that is resumed from its ``storage`` continues in the same
        directory, and writes nothing twice.

    Raises
    ------
    TypeError
        If ``log_dir`` is not a path.
    ImportError
        When the search starts, if tensorboard is not installed.
    FileExistsError
        If the directory contains files of another search. The error is raised when the
        search starts, or after the first candidate if the search has a ``storage``.

    Notes
    -----
    The files are written between candidates, in the process of the search. The fits
    therefore still share compiled programs.

    Examples
    --------
    >>> from tempfile import mkdtemp
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skkeras_search import GridSearchCV, TensorBoardLogger
    >>> search = GridSearchCV(SVC(), {"C": [0.1, 1.0]}, cv=3)
    >>> search = search.set_callbacks(TensorBoardLogger(mkdtemp()))
    >>> search = search.fit(*load_iris(return_X_y=True))  # then: tensorboard --logdir ...
    """

    def __init__(self, log_dir: str | os.PathLike[str]):
        if not isinstance(log_dir, (str, os.PathLike)):
            raise TypeError(f"log_dir must be the path of a directory, got {log_dir!r}.")
        self.log_dir = log_dir

    def __getstate__(self) -> dict[str, Any]:
        return {"log_dir": self.log_dir}  # only the process of the search writes

    def setup(self, estimator: Any, context: CallbackContext) -> None:
        """Prepare the directory when a search starts. The search calls this method.

        Parameters
        ----------
        estimator : estimator
            The search.
        context : CallbackContext
            Context of the search in scikit-learn.

        Raises
        ------
        ImportError
            If tensorboard is not installed.
        FileExistsError
            If the directory contains files of another search.
        TypeError
            If ``estimator`` is not a search of this package.
        """
        import skkeras_search.tensorboard.event_files  # noqa: F401  # raises without tensorboard

        super().setup(estimator, context)
        self._folder = Path(self.log_dir)
        if estimator.storage is None and any(self._folder.rglob(f"*{EVENTS}*")):
            raise self._other_search()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._search = estimator
        self._hparams = hparams_of(estimator)
        self._is_described = self._goes_on = False
        self._candidates: set[int] = set()

    def teardown(self, estimator: Any, context: CallbackContext) -> None:
        """Release the search when it ends. The search calls this method.

        Parameters
        ----------
        estimator : estimator
            The search.
        context : CallbackContext
            Context of the search in scikit-learn.
        """
        self.__dict__.pop("_search", None)

    def on_outcome(self, outcome: Outcome) -> None:
        """Write the results of a candidate. The search calls this method.

        Parameters
        ----------
        outcome : Outcome
            Results of the candidate so far.
        """
        from skkeras_search.tensorboard.event_files import EventFile

        folder = self._folder / f"candidate-{outcome.number:04d}"
        if outcome.number not in self._candidates:
            self._candidates.add(outcome.number)
            self._goes_on |= self._describe(folder, self._start(outcome))
        if not self._is_described and (metrics := self._metrics_of(outcome)):
            about = EventFile(outcome.ended)
            about.experiment(self._hparams, metrics)
            # An extended search may have a different space.
            self._describe(self._folder, about, may_differ=self._goes_on)
            self._is_described = True
        for fit in outcome.scores:
            _write_fit(folder / _run_of(fit), outcome, fit)
        # Written after the fits, so that a candidate with means has all of its curves.
        _write_candidate(folder, outcome)

    def _start(self, outcome: Outcome) -> Any:
        from skkeras_search.tensorboard.event_files import EventFile

        file = EventFile(outcome.begun)
        there = [h for h in self._hparams if h.name in outcome.params]
        plain = {h.name: h.plain(outcome.params[h.name]) for h in there}
        file.start({name: value for name, value in plain.items() if value is not None})
        return file

    def _metrics_of(self, outcome: Outcome) -> dict[tuple[str, str], str]:
        """Return the displayed names of the metrics; empty if no fit has a score."""
        if not any(map(math.isfinite, _all_scores(outcome))):
            return {}
        search = self._search
        runs = {_run_of(fit): fit for fit in search._all_fits()}
        found = {}
        for name in _names(outcome):
            found["", _tag(name)] = f"mean {name}"
            for run in runs:
                found[run, _tag(name)] = f"{name}, {run.replace('-', ' ')}"
        if any(_n_epochs(outcome, fit) for fit in outcome.scores):
            found["", "epochs"] = "epochs"
        return found

    def _describe(self, folder: Path, file: Any, may_differ: bool = False) -> bool:
        """Write the first file of a search or candidate; return whether it existed."""
        path = folder / f"{EVENTS}.{0:09d}"
        before = path.read_bytes() if path.exists() else None
        if before is not None and before != bytes(file) and not may_differ:
            raise self._other_search()
        if before != bytes(file):
            _write(path, file)
        return before is not None

    def _other_search(self) -> FileExistsError:
        return FileExistsError(
            f"log_dir={os.fspath(self.log_dir)!r} contains TensorBoard files of another "
            "search or fit. Use a separate directory for each search, or delete the files. "
            "To continue a search in its directory, pass the same storage. A search that "
            "extends another one can continue in its directory only if the candidates keep "
            "their numbers."
        )


def _write_fit(folder: Path, outcome: Outcome, fit: Fit) -> None:
    """Write the new epochs of the learning curve of a fit, and its last scores."""
    from skkeras_search.tensorboard.event_files import EventFile

    n, n_before = _n_epochs(outcome, fit), _written(folder)
    if n <= n_before:
        return
    file, curve = EventFile(outcome.ended), outcome.curves[fit].columns()
    for epoch in range(max(0, n_before), n):
        for name in sorted(curve.keys() - {"epoch", "score"}):
            file.scalar(f"epoch_{name}", float(curve[name][epoch]), epoch + 1)
    for name, score in outcome.scores[fit].items():
        _add_score(file, name, score, n)
    _write(folder / f"{EVENTS}.{n:09d}", file)


def _write_candidate(folder: Path, outcome: Outcome) -> None:
    """Write the means over the fits so far, unless they have been written already."""
    from skkeras_search.tensorboard.event_files import EventFile

    lengths = [_n_epochs(outcome, fit) for fit in outcome.scores]
    has_failed, step = outcome.status == FAILED, sum(lengths)
    progress = sum(max(1, length) for length in lengths) + has_failed
    if progress <= _written(folder):
        return
    file = EventFile(outcome.ended)
    for name in _names(outcome):
        scores = [some.get(name, math.nan) for some in outcome.scores.values()]
        _add_score(file, name, math.fsum(scores) / len(scores), step)
    if step:
        file.scalar("epochs", step, step)
    if outcome.error:
        lines = outcome.error.splitlines()
        file.text("error", "".join(f"    {line}\n" for line in lines))  # as code
    if outcome.status != FROZEN:
        file.end(has_failed)
    _write(folder / f"{EVENTS}.{progress:09d}", file)


def _written(folder: Path) -> int:
    """Return how much of a fit or candidate is written: the number of its last file."""
    numbers = [int(path.suffix[1:]) for path in folder.glob(f"{EVENTS}.*")]
    return max(numbers, default=-1)


def _write(path: Path, file: Any) -> None:
    """Write a file atomically, in case the process is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name("unfinished")  # TensorBoard does not read this name
    unfinished.write_bytes(bytes(file))
    unfinished.replace(path)


def _run_of(fit: Fit) -> str:
    return f"fold-{fit.fold}" + (f"-repeat-{fit.repeat}" if fit.repeat else "")


def _tag(metric: str) -> str:
    return metric if metric == "score" else f"score/{metric}"


def _names(outcome: Outcome) -> list[str]:
    return list(dict.fromkeys(n for scores in outcome.scores.values() for n in scores))


def _all_scores(outcome: Outcome) -> list[float]:
    return [score for scores in outcome.scores.values() for score in scores.values()]


def _n_epochs(outcome: Outcome, fit: Fit) -> int:
    return len(outcome.curves[fit].history.get("loss", ()))


def _add_score(file: Any, name: str, score: float, step: int) -> None:
    if math.isfinite(score):  # the dashboard leaves a missing score blank
        file.scalar(_tag(name), score, step)
