"""What ``verbose`` shows of a search, in files and in terminals."""

import io
import logging
import re
import sys
import warnings
from contextlib import redirect_stdout
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from sklearn.callback import ProgressBar
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skkeras_search import (
    BayesSearchCV,
    FreezeThawSearchCV,
    GridSearchCV,
    HyperbandSearchCV,
    KerasClassifier,
    RandomizedSearchCV,
)
from skkeras_search.fusion.epoch_count import EpochCount, counted
from skkeras_search.searches.advice import advice
from skkeras_search.searches.display import CandidateLines, Display, display_of
from skkeras_search.searches.executors import Inline
from skkeras_search.searches.jobs import Fit, Job
from skkeras_search.searches.live import Region, _is_shown, folds_in_words
from skkeras_search.searches.progress import Pace, Standing
from skkeras_search.searches.workers import CandidateWorkers, FitWorkers
from skkeras_search.wording import in_words

X, y = load_iris(return_X_y=True)
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
quiet = pytest.mark.filterwarnings(
    "ignore:Only folds are saved", "ignore:The search space has"
)


def build(meta, units=2):
    import keras

    layers = [keras.layers.Dense(units), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def network(**params):
    return KerasClassifier(build, epochs=3, verbose=0, random_state=0, **params)


def searches(**kwargs):
    svc, space = SVC(), {"C": [0.1, 1.0, 10.0]}
    kwargs = {"cv": 3, **kwargs}
    yield GridSearchCV(svc, space, **kwargs)
    yield RandomizedSearchCV(svc, space, n_iter=3, random_state=0, **kwargs)
    yield BayesSearchCV(svc, space, n_iter=3, random_state=0, **kwargs)
    yield FreezeThawSearchCV(svc, space, n_iter=3, random_state=0, **kwargs)
    units = {"units": [1, 2, 3]}
    yield HyperbandSearchCV(network(), units, max_epochs=3, random_state=0, **kwargs)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True

    @property
    def text(self):
        return ESCAPE.sub("", self.getvalue())

    @property
    def last(self):
        """The region as it is left."""
        return self.text.rstrip().splitlines()[-2:]


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    return Terminal()


@quiet
@pytest.mark.parametrize("which", range(5))
def test_silent(which, capfd):
    list(searches())[which].fit(X, y)
    assert capfd.readouterr().out == ""


@quiet
@pytest.mark.parametrize("which", range(5))
def test_a_file_has_a_line_for_each_candidate(which, capsys):
    search = list(searches(verbose=1))[which].fit(X, y)
    printed = capsys.readouterr().out.splitlines()
    if which < 2:
        first = printed.pop(0)
        assert first == "Fitting 3 folds for each of 3 candidates, totalling 9 fits"
    for line in printed:
        assert re.match(r"[\d.]+ of [\d.]+: (C|units)=\S+; score \S+.*left$", line)
    assert len(printed) >= len(search.cv_results_["params"])


@pytest.mark.parametrize("which", range(3))
def test_more_lines_of_scikit_learn(which, capsys):
    list(searches(verbose=3))[which].fit(X, y)
    printed = capsys.readouterr().out
    assert len(re.findall(r"^\[CV \d/3\] END .*C=", printed, re.MULTILINE)) == 9


@quiet
@pytest.mark.parametrize("which", range(5))
def test_a_terminal_has_a_region(which, terminal):
    search = list(searches(verbose=1))[which]
    with redirect_stdout(terminal):
        search.fit(X, y)
        assert sys.stdout is terminal
    bar, best = terminal.last
    unit = "evaluations" if which > 2 else "candidates"
    assert re.search(rf"━ .* of \S+ {unit}, \d+ s$", bar.rstrip())
    (name,) = search.best_params_
    value = f"{name}={search.best_params_[name]:.4g}"
    assert best.rstrip() == f"Best score {search.best_score_:.4g}: {value}"
    assert terminal.getvalue().count(HIDE_CURSOR) == 1
    assert terminal.getvalue().count(SHOW_CURSOR) == 1


def say(X, words=None):
    print(words)
    warnings.warn(words, UserWarning, stacklevel=1)
    logging.getLogger("a fit").warning(f"logged {words}")
    return X


def test_what_is_printed_goes_above(terminal, monkeypatch):
    errors = Terminal()
    monkeypatch.setattr(sys, "stderr", errors)
    handler = logging.StreamHandler(errors)
    logger = logging.getLogger("a fit")
    logger.addHandler(handler)
    monkeypatch.setattr(logger, "propagate", False)
    talks = FunctionTransformer(say, kw_args={"words": "said [bold]loud[/bold]"})
    pipeline = make_pipeline(talks, SVC())
    search = GridSearchCV(pipeline, {"svc__C": [1.0, 2.0]}, cv=2, verbose=1, refit=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            monkeypatch.setattr(warnings, "showwarning", _to_stderr)
            with redirect_stdout(terminal):
                search.fit(X, y)
        assert handler.stream is errors
    finally:
        logger.removeHandler(handler)
    assert errors.getvalue() == ""
    lines = terminal.text.splitlines()
    words = "said [bold]loud[/bold]"
    for line in (words, f"logged {words}", f"warned {words}"):
        assert sum(line == shown.rstrip("\r ").lstrip("\r") for shown in lines) >= 4


def _to_stderr(message, *args, **kwargs):
    print(f"warned {message}", file=sys.stderr)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_errors_leave_the_terminal_as_it_was(error, terminal):
    def fail(X):
        raise error

    pipeline = make_pipeline(FunctionTransformer(fail), SVC())
    search = GridSearchCV(pipeline, {"svc__C": [1.0]}, error_score="raise", verbose=1)
    with redirect_stdout(terminal):
        for _ in range(2):  # there is a place for a region again
            with pytest.raises(error):
                search.fit(X, y)
        assert sys.stdout is terminal
    assert terminal.getvalue().count(HIDE_CURSOR) == 2
    assert terminal.getvalue().endswith(SHOW_CURSOR)


def test_a_search_in_a_search_has_lines(terminal):
    inner = GridSearchCV(SVC(), {"C": [1.0, 2.0]}, cv=2, verbose=1)
    search = GridSearchCV(inner, {"estimator__gamma": [0.1]}, cv=2, verbose=1)
    with redirect_stdout(terminal):
        search.fit(X, y)
    assert terminal.getvalue().count(HIDE_CURSOR) == 1
    assert len(re.findall(r"2 of 2: C=2.0; score", terminal.text)) == 3
    assert search.best_score_ > 0.9


def test_no_region_where_it_would_do_harm(terminal, monkeypatch):
    def shown(verbose=1, *callbacks, file=terminal):
        search = GridSearchCV(SVC(), {}, verbose=verbose).set_callbacks(*callbacks)
        with redirect_stdout(file):
            return display_of(search)

    assert type(shown(0)) is Display
    assert isinstance(shown(2), CandidateLines)
    assert isinstance(shown(1, ProgressBar()), CandidateLines)
    with monkeypatch.context() as context:
        context.setenv("TERM", "dumb")
        assert isinstance(shown(), CandidateLines)
    with monkeypatch.context() as context:
        context.delitem(sys.modules, "skkeras_search.searches.live")
        context.setitem(sys.modules, "rich.console", None)
        assert isinstance(shown(), CandidateLines)
    with monkeypatch.context() as context:
        context.setenv("FORCE_COLOR", "1")  # as CI sets it, where output is a file
        assert isinstance(shown(file=io.StringIO()), CandidateLines)


class Writes:
    """The least that print needs."""

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        """Do nothing."""


def test_outputs_that_are_no_terminal_have_lines(terminal):
    search = GridSearchCV(SVC(), {"C": [1.0, 2.0]}, cv=2, verbose=1)
    terminal.encoding = "ascii"  # the bar cannot be written
    writes = Writes()
    for file in (terminal, writes, None):
        with redirect_stdout(file):
            search.fit(X, y)
    for text in (terminal.getvalue(), writes.text):
        assert HIDE_CURSOR not in text
        assert text.count("; score") == 2


@pytest.mark.parametrize("errors", [None, Writes()])
def test_a_region_needs_no_terminal_for_errors(terminal, monkeypatch, errors):
    monkeypatch.setattr(sys, "stderr", errors)
    with redirect_stdout(terminal):
        GridSearchCV(SVC(), {"C": [1.0, 2.0]}, cv=2, verbose=1).fit(X, y)
    assert "2 of 2 candidates" in terminal.last[0]


class Breaks(Terminal):
    """A terminal that cannot write a bar once it is broken."""

    is_broken = False

    def write(self, text):
        if self.is_broken and "━" in text:
            raise OSError("broken")
        return super().write(text)


def test_an_error_in_the_last_drawing_does_not_end_a_search(terminal):
    terminal = Breaks()
    with redirect_stdout(terminal):
        for _ in range(2):  # there is a place for a region again
            with display_of(GridSearchCV(SVC(), {}, verbose=1)) as region:
                assert isinstance(region, Region)
                terminal.is_broken = True
            assert sys.stdout is terminal
            assert terminal.getvalue().endswith(SHOW_CURSOR)
            terminal.is_broken = False


def test_a_region_that_cannot_begin_leaves_its_place(terminal, monkeypatch):
    search = GridSearchCV(SVC(), {}, verbose=1)
    with redirect_stdout(terminal):
        with monkeypatch.context() as context:
            context.setattr("skkeras_search.searches.live.Live", None)
            with pytest.raises(TypeError), display_of(search):
                pass
        assert isinstance(display_of(search), Region)
    _is_shown.release()


def test_handlers_made_in_a_fit_keep_the_terminal(terminal, monkeypatch):
    errors = Terminal()
    monkeypatch.setattr(sys, "stderr", errors)
    logger = logging.getLogger("made in a fit")

    def configure(X):
        logger.addHandler(logging.StreamHandler())
        return X

    pipeline = make_pipeline(FunctionTransformer(configure), SVC())
    search = GridSearchCV(pipeline, {"svc__C": [1.0]}, cv=2, verbose=1)
    try:
        with redirect_stdout(terminal):
            search.fit(X, y)
        assert HIDE_CURSOR in terminal.getvalue()
        assert {handler.stream for handler in logger.handlers} == {errors}
    finally:
        logger.handlers.clear()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test", "ignore:.*candidates failed")
def test_failed_and_odd_candidates(terminal):
    names = {"C": [-1.0, 1.0], "kernel": ["rbf", "[/red]\n\x1b[2J:smile:"]}
    with redirect_stdout(terminal):
        GridSearchCV(SVC(), names, cv=2, verbose=1).fit(X, y)
    _, best = terminal.last
    assert "C=1, kernel=rbf" in best
    assert "\x1b[2J" not in terminal.getvalue()


@pytest.mark.parametrize("engine", ["fused", "keras"])
def test_epochs_are_counted(engine):
    with counted() as count:
        estimator = network(engine=engine).fit(X, y)
    assert (count.epoch, count.n_epochs) == (3, 3)
    assert estimator.engine_ == engine


def test_watched_fits_stay_fused(terminal):
    pipeline = make_pipeline(StandardScaler(), network(engine="fused"))
    search = GridSearchCV(pipeline, {"kerasclassifier__units": [2]}, cv=2, verbose=1)
    with redirect_stdout(terminal):
        search.fit(X, y)
    assert search.best_estimator_[-1].engine_ == "fused"
    assert list(search.cv_results_["error"]) == [None]


def test_the_best_is_the_first_of_equals():
    region = Region()
    for n, (score, best) in enumerate([(np.nan, -np.inf), (0.5, 0.5), (0.5, 0.5)]):
        region.candidate(
            {"a__n": n, "b__lr": 1e-7 / 3}, score, Standing(n + 1, 3, best), True
        )
    console = Console(file=io.StringIO(), width=80)
    console.print(region.__rich__())
    assert "Best score 0.5: n=1, lr=3.333e-08" in console.file.getvalue()


def test_a_refit_is_not_among_the_time_left():
    region = Region()
    region.candidate({"n": 1}, 0.5, Standing(1, 3, 0.5), True)
    console = Console(file=io.StringIO(), width=80)
    console.print(region.__rich__())
    assert "left" in console.file.getvalue()
    console.file = io.StringIO()
    with region.refit():
        console.print(region.__rich__())
    assert "the best candidate, on all rows" in console.file.getvalue()
    assert "left" not in console.file.getvalue()


def test_names_are_long_where_they_have_to_be():
    region = Region()
    region.candidate({"a__n": 1, "b__n": 2}, 0.5, Standing(1, 3, 0.5), True)
    console = Console(file=io.StringIO(), width=80)
    console.print(region.__rich__())
    assert "a__n=1, b__n=2" in console.file.getvalue()


def test_workers_have_as_many_rows_as_there_are_workers():
    region = Region()
    jobs = [Job(n, {"n": n}, [], []) for n in range(5)]
    for job in jobs[:4]:
        region.watched(job, [], CandidateWorkers(2, 2))
    console = Console(file=io.StringIO(), width=80)

    def shown():
        console.file = io.StringIO()
        console.print(region.__rich__())
        return re.findall(r"\bn=(\d)", console.file.getvalue())

    assert shown() == ["0", "1"]
    region.arrived(jobs[1])
    assert shown() == ["0", "2"]
    region.arrived(jobs[0])
    region.watched(jobs[4], [], CandidateWorkers(2, 2))
    region.arrived(jobs[4])  # wherever it was
    assert shown() == ["2", "3"]
    region.arrived(jobs[2])
    assert shown() == ["3"]


def test_folds_in_words():
    counts = [EpochCount(14, 50), EpochCount(14, 50), EpochCount(12, 50), EpochCount()]
    fits = [Fit(fold, 0) for fold in range(4)]
    assert folds_in_words({}) == ""
    assert folds_in_words({fits[1]: counts[3]}) == "fold 1"
    assert folds_in_words(dict(zip(fits[:2], counts, strict=False))) == (
        "folds 0, 1: epoch 14 of 50"
    )
    assert folds_in_words(dict(zip(fits, counts, strict=True))) == (
        "folds 0, 1, 2, 3: epochs 14, 14, 12, 0 of 50"
    )
    assert folds_in_words({Fit(0, 1): counts[3]}) == "fold 0 repeat 1"


def test_what_is_read_from_a_storage_takes_no_time(monkeypatch):
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    pace = Pace()
    pace.reach(Standing(8, 10, 0.5), is_new=False)
    assert pace.left_in_words() == "unknown time left"
    now = 30.0
    pace.reach(Standing(9, 10, 0.5), is_new=True)
    assert pace.left_in_words() == "about 30 s left"
    now = 40.0
    assert pace.left_in_words() == "about 20 s left"


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text() | st.just(len) | st.just(SVC()),
    lambda inner: st.lists(inner) | st.tuples(inner, inner),
)


@given(VALUES)
def test_words_are_one_printable_line(value):
    assert in_words(value).isprintable()


def test_names_of_functions_and_classes():
    assert in_words((np.mean, SVC, None)) == "(mean, SVC, None)"
    assert in_words(object()) == "<object object>"
    assert in_words([("a",), 1]) == "[(a,), 1]"


def advised(estimator, executor, n_rows=100, **params):
    search = GridSearchCV(estimator, {"units": [1]}, **params)
    return list(advice(search, executor, [estimator], np.zeros((n_rows, 2))))


def test_advice():
    import keras

    workers = CandidateWorkers(2, 2)
    (line,) = advised(network(), workers, n_jobs=2)
    assert line.startswith("n_jobs=2 starts worker processes")
    assert "usually slower than with the default, n_jobs=None" in line
    (of_block,) = advised(network(), workers)  # n_jobs of joblib.parallel_config
    assert of_block.startswith("The active joblib.parallel_config block starts")
    assert advised(make_pipeline(network()), workers, n_jobs=2) == [line]
    assert not advised(network(), Inline())
    assert not advised(network(), workers, n_jobs=2, n_rows=100_000)
    assert not advised(network(engine="keras"), workers, n_jobs=2)
    assert not advised(SVC(), workers, n_jobs=2)
    assert not advised(SVC(), FitWorkers(2, 2), n_jobs=2)
    board = keras.callbacks.TensorBoard
    for callbacks in (board, [board], {"board": board}, board(), [board()]):
        (line,) = advised(network(callbacks=callbacks), Inline())
        assert "TensorBoardLogger" in line


@pytest.mark.parametrize(
    ("package", "theirs", "ours"),
    [
        ("scikeras", "KerasClassifier", "KerasClassifier"),
        ("scikeras", "KerasRegressor", "KerasRegressor"),
        ("keras", "SKLearnClassifier", "KerasClassifier"),
        ("keras", "SKLearnRegressor", "KerasRegressor"),
    ],
)
def test_advice_about_estimators_of_other_packages(package, theirs, ours):
    kind = getattr(import_module(f"{package}.wrappers"), theirs)
    derived = type("Derived", (kind,), {})
    for estimator in (kind(build), derived(build), make_pipeline(kind(build))):
        (line,) = advised(estimator, Inline())
        assert line.startswith(f"{package}'s {theirs} trains each fit by itself")
        assert f"from skkeras_search import {ours}." in line
    with pytest.raises(ValueError, match=f"but {package}'s {theirs} cannot be paused"):
        HyperbandSearchCV(kind(build), {"model": [build]}).fit(X, y)
