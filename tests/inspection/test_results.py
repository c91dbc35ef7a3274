"""What is read of a search, whatever search it is and however it stands."""

import threading

import numpy as np
import pytest
from sklearn import model_selection
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from skkeras_search import GridSearchCV, load_search
from skkeras_search.inspection import ConvergenceDisplay, TimelineDisplay
from skkeras_search.inspection.results import read
from skkeras_search.searches.progress import SearchCallback
from skkeras_search.statuses import FAILED, FINISHED, FROZEN
from tests.inspection.conftest import made_up

X, y = load_iris(return_X_y=True)


def test_of_this_package_and_of_scikit_learn_the_same_is_read(grid):
    theirs = model_selection.GridSearchCV(SVC(), grid.param_grid, cv=3).fit(X, y)
    ours, known = read(grid), read(theirs)
    assert ours.params == known.params
    assert np.array_equal(ours.folds, known.folds)
    assert np.array_equal(ours.scores, known.scores)
    assert (ours.best, ours.metric, ours.name) == (known.best, known.metric, known.name)


def test_failures_and_conditions(conditional):
    results = read(conditional)
    failed = results.status == FAILED
    assert 0 < failed.sum() < len(results)
    assert np.isnan(results.scores[failed]).all()
    assert all(results.params[row]["kernel"] == "wrong" for row in np.flatnonzero(failed))
    assert all("wrong" in results.errors[row] for row in np.flatnonzero(failed))
    assert results.axis("gamma").is_conditional
    assert results.by_score()[0] == conditional.best_index_
    assert len(results.by_score()) == (~failed).sum()


def test_candidates_of_halving_with_few_resources_are_frozen():
    grid = {"C": [0.01, 0.1, 1, 10]}
    search = model_selection.HalvingGridSearchCV(SVC(), grid, random_state=0).fit(X, y)
    results = read(search)
    last = search.cv_results_["iter"] == search.n_iterations_ - 1
    assert set(results.status[last]) == {FINISHED}
    assert set(results.status[~last]) == {FROZEN}
    assert np.isfinite(results.last_scores).all()


def test_a_frozen_candidate_has_the_mean_of_the_folds_it_has():
    search = made_up(
        [{"C": 0}, {"C": 1}],
        [[0.5, 0.7], [0.9, np.nan]],
        status=np.array(["finished", "frozen"]),
    )
    results = read(search)
    assert results.last_scores.tolist() == [0.6, 0.9]
    assert (results.best, results.by_score().tolist()) == (0, [0])


@pytest.mark.parametrize("refit", [False, "recall_macro"])
def test_several_metrics(refit):
    scoring = ["accuracy", "recall_macro", "neg_log_loss"]
    search = GridSearchCV(
        KNeighborsClassifier(), {"n_neighbors": [1, 9]}, scoring=scoring, refit=refit, cv=3
    ).fit(X, y)
    assert read(search).metric == (refit or "accuracy")
    other = read(search, "neg_log_loss")
    assert other.best == np.argmax(search.cv_results_["mean_test_neg_log_loss"])
    with pytest.raises(
        ValueError, match=r"'recal_macro' was not scored.*Did you mean 'rec"
    ):
        read(search, "recal_macro")


@pytest.mark.parametrize("make", [GridSearchCV, model_selection.GridSearchCV])
def test_before_fit(make):
    with pytest.raises(
        NotFittedError, match=r"GridSearchCV has no evaluated candidate yet"
    ):
        read(make(SVC(), {"C": [1]}))


@pytest.mark.parametrize("thing", [None, 3, "search.db", SVC, GridSearchCV, [], SVC()])
def test_what_is_no_search(thing):
    with pytest.raises(TypeError, match=r"must be a"):
        read(thing)


def test_no_candidate_is_finished():
    search = made_up([{"C": 0}], [[np.nan]], error=["Traceback: it was bad"])
    with pytest.raises(ValueError, match=r"None of the 1 candidates .* it was bad"):
        read(search)
    assert read(search, finished=False).best is None


def test_unknown_hyperparameter(grid):
    with pytest.raises(ValueError, match=r"'kernl' is not in the search space.*'kernel'"):
        read(grid).axis("kernl")


def test_a_search_that_runs_is_seen_by_its_callback():
    class Look(SearchCallback):
        def setup(self, estimator, context):
            self.search, self.n = estimator, []

        def on_outcome(self, outcome):
            ConvergenceDisplay.from_search(self.search)
            TimelineDisplay.from_search(self.search)
            self.n.append(len(read(self.search)))

    look = Look()
    search = GridSearchCV(SVC(), {"C": [1, 2, 3]}, cv=3).set_callbacks(look).fit(X, y)
    assert look.n == [1, 2, 3]
    assert not hasattr(search, "_outcomes")


def test_a_search_that_runs_is_seen_from_its_storage(tmp_path):
    arrived, goes_on = threading.Event(), threading.Event()

    class Wait(SearchCallback):
        def update(self, standing):
            arrived.set()
            goes_on.wait(30)

    path = tmp_path / "search.db"
    search = GridSearchCV(SVC(), {"C": [1, 2]}, cv=3, storage=path).set_callbacks(Wait())
    thread = threading.Thread(target=search.fit, args=(X, y))
    thread.start()
    try:
        assert arrived.wait(30)
        loaded = load_search(path)
        assert len(read(loaded)) == 1
        assert loaded.plot() is not None
    finally:
        goes_on.set()
        thread.join()
    assert len(read(load_search(path))) == 2
