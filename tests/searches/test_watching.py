"""What callbacks, learning curves and the timeline tell of the fits of a search."""

import os
import time

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skkeras_search import (
    BayesSearchCV,
    FreezeThawSearchCV,
    GridSearchCV,
    HyperbandSearchCV,
    KerasClassifier,
    RandomizedSearchCV,
    load_search,
)
from skkeras_search.searches.progress import SearchCallback

X, y = load_iris(return_X_y=True)


class Notes(SearchCallback):
    """Keep what is told."""

    def __init__(self):
        self.outcomes = []

    def on_outcome(self, outcome):
        self.outcomes.append(outcome)


def searches(estimator, name, values, **kwargs):
    kwargs = {"cv": 3, "refit": False, **kwargs}
    return [
        GridSearchCV(estimator, {name: values}, **kwargs),
        RandomizedSearchCV(estimator, {name: values}, n_iter=2, random_state=0, **kwargs),
        BayesSearchCV(estimator, {name: values}, n_iter=2, random_state=0, **kwargs),
        FreezeThawSearchCV(estimator, {name: values}, n_iter=2, random_state=0, **kwargs),
        HyperbandSearchCV(
            estimator, {name: values}, max_epochs=3, random_state=0, **kwargs
        ),
    ]


@pytest.fixture(scope="module")
def network():
    import keras

    def build(meta, units=2):
        layers = [keras.layers.Dense(units), keras.layers.Dense(3, "softmax")]
        model = keras.Sequential(layers)
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    classifier = KerasClassifier(build, epochs=3, verbose=0, random_state=0)
    return make_pipeline(StandardScaler(), classifier)


@pytest.mark.filterwarnings("ignore:Only folds are saved", "ignore:The search space has")
@pytest.mark.parametrize("which", range(5))
def test_each_fit_is_told_of(which, network):
    estimator = network if which == 4 else SVC()
    name = "kerasclassifier__units" if which == 4 else "C"
    search = searches(estimator, name, [1, 2, 3])[which]
    notes = Notes()
    before = time.time()
    search.set_callbacks(notes).fit(X, y)
    table, times = search.learning_curves_, search.timeline_
    assert {(o.number, tuple(o.scores)) for o in notes.outcomes}
    last = {outcome.number: outcome for outcome in notes.outcomes}
    for row, number in enumerate(sorted(last)):
        outcome = last[number]
        assert outcome.is_new
        assert outcome.params == search.cv_results_["params"][row]
        for (fold, _), scores in outcome.scores.items():
            assert scores["score"] == search.cv_results_[f"split{fold}_test_score"][row]
            known = table.query(f"candidate == {row} and fold == {fold}")["score"]
            assert known.dropna().iloc[-1] == scores["score"]
        if outcome.status == "finished":
            assert outcome.score == search.cv_results_["mean_test_score"][row]
    assert len(times) == table["score"].notna().sum()
    assert (times["begun"] >= before).all()
    assert (times["begun"] <= times["ended"]).all()
    assert times["ended"].max() <= time.time()
    assert times["worker"].str.endswith(f":{os.getpid()}").all()


@pytest.mark.parametrize("n_repeats", [1, 2])
def test_learning_curves_of_whole_candidates(network, n_repeats):
    search = searches(network, "kerasclassifier__units", [2, 3], n_repeats=n_repeats)[
        0
    ].fit(X, y)
    table = search.learning_curves_
    assert len(table) == 2 * 3 * n_repeats * 3
    one = table.query("candidate == 1 and fold == 2 and repeat == 0")
    assert list(one["epoch"]) == [1, 2, 3]
    assert one["loss"].is_monotonic_decreasing
    assert list(np.isfinite(one["score"])) == [False, False, True]


@pytest.mark.filterwarnings("ignore:.*fits failed", "ignore:One or more of the test")
def test_failed_fits_are_told_of():
    notes = Notes()
    search = GridSearchCV(SVC(), {"C": [-1.0, 1.0]}, cv=3).set_callbacks(notes).fit(X, y)
    bad, good = notes.outcomes
    assert bad.status == "failed"
    assert np.isnan(bad.score)
    assert "'C' parameter of SVC" in bad.error
    assert (good.status, good.error) == ("finished", None)
    assert list(search.timeline_["status"]) == ["failed"] * 3 + ["finished"] * 3
    assert search.learning_curves_["score"].isna().sum() == 3


def test_what_is_told_with_a_storage(tmp_path, network):
    def make():
        return searches(
            network, "kerasclassifier__units", [2, 3], storage=tmp_path / "search.db"
        )[0]

    first, again = Notes(), Notes()
    search = make().set_callbacks(first).fit(X, y)
    resumed = make().set_callbacks(again).fit(X, y)
    assert [outcome.is_new for outcome in first.outcomes] == [True, True]
    assert [outcome.is_new for outcome in again.outcomes] == [False, False]
    for outcome, other in zip(first.outcomes, again.outcomes, strict=True):
        assert outcome.scores == other.scores
        assert outcome.begun == other.begun
    for known in (resumed, load_search(tmp_path / "search.db")):
        assert known.learning_curves_.equals(search.learning_curves_)
        assert known.timeline_.equals(search.timeline_)


@pytest.mark.parametrize("name", ["learning_curves_", "timeline_"])
def test_before_fit(name):
    with pytest.raises(NotFittedError):
        getattr(GridSearchCV(SVC(), {"C": [1.0]}), name)
