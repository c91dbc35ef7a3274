"""A search in TensorBoard, written while it runs."""

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
    """Write a search for TensorBoard, as it goes on.

    The HParams dashboard has each candidate with its parameters and its scores: the mean of
    each metric, and each fold's. The learning curves of each fold are scalars of the run
    "candidate-0003/fold-1", the numbers of candidates and folds counted from 0. The error
    of a candidate that failed is a text.

    What TensorBoard shows of a parameter follows from its dimension: numbers in an
    interval, choices among numbers, truth values or texts. A parameter that a candidate
    does not have is left out. None, tuples, functions and estimators are texts.

    Training by fused programs stays as it is, as files are written between candidates, in
    the process of the search.

    Parameters
    ----------
    log_dir : str or path-like
        Folder for the files. It is made if there is none. A search with a ``storage`` that
        is run again goes on in the folder where it was, and writes nothing twice.

    Raises
    ------
    TypeError
        If ``log_dir`` is no path.
    ImportError
        When the search begins, without tensorboard.
    FileExistsError
        If the folder has files of another search: without a ``storage`` when the search
        begins, with one after its first candidate.

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
            raise TypeError(f"log_dir must be the path of a folder, got {log_dir!r}.")
        self.log_dir = log_dir

    def __getstate__(self) -> dict[str, Any]:
        return {"log_dir": self.log_dir}  # only the process of the search writes

    def setup(self, estimator: Any, context: CallbackContext) -> None:
        """Begin with a search."""
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
        """End with a search."""
        self.__dict__.pop("_search", None)

    def on_outcome(self, outcome: Outcome) -> None:
        """Write what has become of a candidate."""
        from skkeras_search.tensorboard.event_files import EventFile

        folder = self._folder / f"candidate-{outcome.number:04d}"
        if outcome.number not in self._candidates:
            self._candidates.add(outcome.number)
            self._goes_on |= self._describe(folder, self._start(outcome))
        if not self._is_described and (metrics := self._metrics_of(outcome)):
            about = EventFile(outcome.ended)
            about.experiment(self._hparams, metrics)
            # The space of a search that is extended is another one.
            self._describe(self._folder, about, may_differ=self._goes_on)
            self._is_described = True
        for fit in outcome.scores:
            _write_fit(folder / _run_of(fit), outcome, fit)
        # After its fits, so that what there is of a candidate is there with all of them.
        _write_candidate(folder, outcome)

    def _start(self, outcome: Outcome) -> Any:
        from skkeras_search.tensorboard.event_files import EventFile

        file = EventFile(outcome.begun)
        there = [h for h in self._hparams if h.name in outcome.params]
        plain = {h.name: h.plain(outcome.params[h.name]) for h in there}
        file.start({name: value for name, value in plain.items() if value is not None})
        return file

    def _metrics_of(self, outcome: Outcome) -> dict[tuple[str, str], str]:
        """Name what the dashboard shows; nothing if no fit tells the names of metrics."""
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
        """Write what a search or a candidate begins with; give whether it was there."""
        path = folder / f"{EVENTS}.{0:09d}"
        before = path.read_bytes() if path.exists() else None
        if before is not None and before != bytes(file) and not may_differ:
            raise self._other_search()
        if before != bytes(file):
            _write(path, file)
        return before is not None

    def _other_search(self) -> FileExistsError:
        return FileExistsError(
            f"log_dir={os.fspath(self.log_dir)!r} has TensorBoard's files of another "
            "search or fit. Give each search a folder of its own, or delete the files. To "
            "go on with a search in its folder, give it the storage that it had. A search "
            "that extends another one goes on in the folder of that one only if the "
            "candidates keep their numbers."
        )


def _write_fit(folder: Path, outcome: Outcome, fit: Fit) -> None:
    """Write the learning curve of a fit from where it is written, and the last scores."""
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
    """Write the means over the fits so far, unless as much is written."""
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
    """How much of a fit or candidate is written: its last file has the number."""
    numbers = [int(path.suffix[1:]) for path in folder.glob(f"{EVENTS}.*")]
    return max(numbers, default=-1)


def _write(path: Path, file: Any) -> None:
    """Write a file whole or not at all, whenever the process is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name("unfinished")  # which TensorBoard does not read
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
    if math.isfinite(score):  # else there is no score, which the dashboard shows as nothing
        file.scalar(_tag(name), score, step)
