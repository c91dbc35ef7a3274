"""Searches that train candidates step by step: both rules, one machinery."""

import io
import warnings

import keras
import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import (
    FreezeThawSearchCV,
    GridSearchCV,
    HyperbandSearchCV,
    KerasClassifier,
    KerasRegressor,
    Real,
    SearchProgress,
    TargetScore,
    TimeBudget,
)
from skkeras_search.searches import budgeted

X, y = load_iris(return_X_y=True)
X, y = X[::2], y[::2]
SPACE = {"rate": (1e-3, 1.0, "log-uniform")}
LOSS = "sparse_categorical_crossentropy"


def build(rate=1e-2, fail=False, dropout=0.2):
    if fail:
        raise ArithmeticError("no such model")
    model = keras.Sequential(
        [
            keras.layers.Dense(4, "relu"),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(3, "softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(rate), LOSS)
    return model


def classifier(**params):
    return KerasClassifier(build, epochs=6, verbose=0, random_state=0, **params)


def search(estimator=None, space=SPACE, **params):
    params = {"n_iter": 4, "cv": 3, "random_state": 0, "n_points": 2, **params}
    params = {"rungs": [(1, 1 / 3), (1, 1.0), (3, 1.0)], **params}
    return FreezeThawSearchCV(
        classifier() if estimator is None else estimator, space, **params
    )


def hyperband(estimator=None, space=SPACE, **params):
    params = {"max_epochs": 6, "cv": 3, "random_state": 0, "n_points": 2, **params}
    return HyperbandSearchCV(
        classifier() if estimator is None else estimator, space, **params
    )


@pytest.fixture(scope="module")
def found():
    return search().fit(X, y)


def scores(found):
    return np.array([found.cv_results_[f"split{k}_test_score"] for k in range(3)])


@pytest.mark.parametrize("make", [search, hyperband])
def test_scores_are_those_of_whole_fits(make):
    found = make().fit(X, y)
    results = found.cv_results_
    finished = results["status"] == "finished"
    assert 1 <= finished.sum() < len(finished)
    # The steps of all of them are those of uninterrupted fits of as many epochs.
    for n, params in enumerate(results["params"]):
        n_epochs = round(results["mean_n_epochs"][n])
        whole = GridSearchCV(classifier(), {k: [v] for k, v in params.items()}, cv=3)
        whole.set_params(refit=False, estimator__epochs=n_epochs).fit(X, y)
        trained = ~np.isnan(scores(found)[:, n])
        np.testing.assert_allclose(
            scores(found)[trained, n], scores(whole)[trained, 0], atol=1e-5
        )
    np.testing.assert_allclose(
        results["mean_test_score"][finished], scores(found)[:, finished].mean(axis=0)
    )


def test_rows_say_how_far_candidates_are(found):
    results = found.cv_results_
    status = results["status"]
    assert set(status) == {"finished", "frozen"}
    assert np.isnan(results["mean_test_score"][status == "frozen"]).all()
    assert np.isfinite(scores(found)[:, status == "finished"]).all()
    assert np.isnan(scores(found)[1:, status == "frozen"]).all()
    n_finished = (status == "finished").sum()
    assert sorted(results["rank_test_score"][status == "finished"])[-1] <= n_finished
    assert results["rank_test_score"][status == "frozen"].min() == n_finished + 1
    assert set(results["n_resources"][status == "finished"]) == {18}
    assert set(results["n_resources"][status == "frozen"]) <= {2, 6}
    assert (results["mean_n_epochs"][status == "finished"] == 6).all()
    assert results["n_resources"].sum() <= 4 * 18
    assert len(status) > 4
    assert (results["mean_fit_time"] > 0).all()


def test_the_best_is_finished(found):
    results, best = found.cv_results_, found.best_index_
    assert results["status"][best] == "finished"
    assert results["rank_test_score"][best] == 1
    assert found.best_score_ == np.nanmax(results["mean_test_score"])
    assert found.best_params_ == results["params"][best]
    assert found.best_n_epochs_ == 6
    again = clone(found.best_estimator_).fit(X, y)
    np.testing.assert_allclose(
        again.predict_proba(X), found.best_estimator_.predict_proba(X), atol=1e-5
    )


def test_learning_curves(found):
    curves = found.learning_curves_
    assert list(curves.columns) == ["candidate", "fold", "repeat", "epoch", "score", "loss"]
    n_epochs = curves.groupby(["candidate", "fold"]).size()
    assert n_epochs.groupby("candidate").sum().tolist() == list(
        found.cv_results_["n_resources"]
    )
    last = curves.groupby(["candidate", "fold"]).last()
    for (candidate, fold), row in last.iterrows():
        assert row["score"] == scores(found)[fold, candidate]
    assert set(curves["epoch"][curves["score"].notna()]) == {2, 6}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_same_search_wherever_it_runs(found, n_jobs):
    other = search(n_jobs=n_jobs).fit(X, y)
    assert other.cv_results_["params"] == found.cv_results_["params"]
    np.testing.assert_allclose(scores(other), scores(found), atol=1e-6)


def test_the_same_search_by_a_backend_of_the_users(found):
    with parallel_config("threading", n_jobs=2):
        other = search().fit(X, y)
    assert other.cv_results_["params"] == found.cv_results_["params"]
    np.testing.assert_allclose(scores(other), scores(found), atol=1e-6)


class Counting(TransformerMixin, BaseEstimator):
    n_fits = 0

    def fit(self, X, y=None):
        Counting.n_fits += 1
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        return X - self.mean_


def test_preprocessing_of_a_fold_is_fitted_once():
    pipeline = make_pipeline(Counting(), StandardScaler(), classifier())
    space = {"kerasclassifier__rate": SPACE["rate"]}
    found = search(pipeline, space, refit=False)
    Counting.n_fits = 0
    found.fit(X, y)
    assert Counting.n_fits == np.isfinite(scores(found)).sum()
    assert (found.cv_results_["status"] == "finished").any()


class Noisy(Counting):
    """Transforms the rows it is fitted to in another way than others."""

    def fit_transform(self, X, y=None):
        return self.fit(X).transform(X) + 0.1 * np.sin(np.arange(len(X)))[:, None]


@pytest.mark.parametrize(
    "make",
    [
        lambda last: make_pipeline(Noisy(), last),
        lambda last: make_pipeline(PCA(2), last),
        lambda last: make_pipeline(StandardScaler(), Noisy(), "passthrough", last),
        lambda last: Pipeline([("outer", PCA(3)), ("inner", make_pipeline(Noisy(), last))]),
    ],
)
def test_rows_that_are_transformed_otherwise_when_fitted(make):
    pipeline = make(classifier())
    (name,) = (name for name in pipeline.get_params() if name.endswith("__epochs"))
    space = {name.replace("epochs", "rate"): SPACE["rate"]}
    single = X.astype("float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = search(pipeline, space, refit=False).fit(single, y)
    best = {name: [value] for name, value in found.best_params_.items()}
    whole = GridSearchCV(pipeline, best, cv=3, refit=False).fit(single, y)
    np.testing.assert_allclose(
        scores(whole)[:, 0], scores(found)[:, found.best_index_], atol=1e-5
    )


def test_training_by_keras_begins_anew():
    with pytest.warns(UserWarning, match="from the start: engine='keras' was passed"):
        found = search(classifier(engine="keras"), n_iter=2).fit(X, y)
    whole = GridSearchCV(classifier(), {k: [v] for k, v in found.best_params_.items()})
    whole.set_params(cv=3, refit=False).fit(X, y)
    np.testing.assert_allclose(
        scores(whole)[:, 0], scores(found)[:, found.best_index_], atol=1e-4
    )


def test_early_stopping():
    stops = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=10.0)
    found = search(classifier(callbacks=stops)).fit(X, y)
    results = found.cv_results_
    # The second epoch is no better: nothing is left to train after it.
    assert set(results["mean_n_epochs"]) == {2}
    assert set(results["n_resources"]) <= {2, 6}
    assert found.best_n_epochs_ == 2
    assert found.best_estimator_.epochs == 2
    assert len(found.best_estimator_.history_["loss"]) == 2
    # What stopping saves is spent on others.
    assert len(results["params"]) > len(search().fit(X, y).cv_results_["params"])


def test_epochs_that_are_searched_or_given():
    space = {**SPACE, "epochs": [2, 4]}
    found = search(space=space).fit(X, y)
    results = found.cv_results_
    for params, n, status in zip(
        results["params"], results["mean_n_epochs"], results["status"], strict=True
    ):
        assert n <= params["epochs"]
        assert status != "finished" or n == params["epochs"]
    found = search(max_epochs=3).fit(X, y)
    assert found.best_n_epochs_ == found.best_estimator_.epochs == 3
    found = search().fit(X, y, epochs=4)
    assert found.best_n_epochs_ == 4
    assert len(found.best_estimator_.history_["loss"]) == 4


def test_several_metrics_and_training_scores():
    scoring = ["accuracy", "f1_macro"]
    found = search(scoring=scoring, refit="f1_macro", return_train_score=True).fit(X, y)
    results = found.cv_results_
    assert results["rank_test_f1_macro"][found.best_index_] == 1
    assert found.best_score_ == np.nanmax(results["mean_test_f1_macro"])
    frozen = results["status"] == "frozen"
    for name in ("mean_test_accuracy", "mean_train_accuracy", "std_test_f1_macro"):
        assert (np.isnan(results[name]) == frozen).all()


def test_a_candidate_that_fails_costs_nothing_else():
    space = {**SPACE, "fail": [True, False]}
    with pytest.warns(FitFailedWarning, match="no such model"):
        found = search(classifier(fail=False), space).fit(X, y)
    results = found.cv_results_
    failed = results["status"] == "failed"
    assert failed.any()
    assert list(failed) == [params["fail"] for params in results["params"]]
    worst = results["rank_test_score"].max()
    assert (results["rank_test_score"][failed] == worst).all()
    with pytest.raises(ArithmeticError, match="no such model"):
        search(classifier(fail=False), space, error_score="raise").fit(X, y)
    with pytest.raises(ValueError, match="fits failed"):
        search(classifier(fail=True)).fit(X, y)


def test_a_failure_in_a_later_segment_leaves_what_was_trained():
    class Fails(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 4:
                raise ArithmeticError("in the fifth epoch")

    found = search(classifier(callbacks=Fails()), n_iter=2)
    with (
        pytest.warns(FitFailedWarning, match="in the fifth epoch"),
        pytest.raises(ValueError, match=r"(?s)All the 4 candidates failed.*fifth epoch"),
    ):
        found.fit(X, y)
    results = found.cv_results_
    failed = results["status"] == "failed"
    assert failed.any()
    assert (results["mean_n_epochs"] == 2).all()
    assert set(found.learning_curves_["epoch"]) == {1, 2}


def test_scores_that_are_not_numbers():
    def scorer(estimator, X, y):
        return np.nan if estimator.rate > 0.1 else estimator.rate

    found = search(scoring=scorer, n_iter=6).fit(X, y)
    results = found.cv_results_
    too_high = [params["rate"] > 0.1 for params in results["params"]]
    assert list(results["status"] == "failed") == too_high
    assert np.isfinite(found.best_score_)


def test_verbose_where_the_first_candidate_fails():
    space = {"fail": [True, False]}
    with pytest.warns(FitFailedWarning):
        hyperband(classifier(fail=True), space, verbose=1).set_callbacks(
            SearchProgress(0, io.StringIO())
        ).fit(X, y)


def test_refit_that_chooses():
    def first_of(status):
        return lambda results: int(np.flatnonzero(results["status"] == status)[0])

    found = search(refit=first_of("finished")).fit(X, y)
    assert found.cv_results_["status"][found.best_index_] == "finished"
    with pytest.raises(ValueError, match="has chosen a candidate that is frozen"):
        search(refit=first_of("frozen")).fit(X, y)


@pytest.mark.parametrize("make", [search, hyperband])
def test_stopped_before_any_is_finished(make):
    found = make().set_callbacks(TimeBudget(1e-9)).fit(X, y)
    assert list(found.cv_results_["status"]).count("finished") == 1
    assert found.best_estimator_


def test_curves_of_a_search_that_is_not_fitted():
    with pytest.raises(NotFittedError):
        search().learning_curves_  # noqa: B018


def test_estimators_without_epochs_save_folds():
    forest = RandomForestClassifier(5, random_state=0)
    space = {"max_depth": (1, 20), "max_features": Real(0.1, 1.0)}
    with pytest.warns(UserWarning, match="Only folds are saved, as RandomForest"):
        found = search(forest, space, n_iter=6, n_jobs=2, rungs=None).fit(X, y)
    results = found.cv_results_
    assert set(results["n_resources"]) <= {1, 2, 3}
    assert (results["mean_n_epochs"] == 0).all()
    assert len(results["params"]) > 6
    assert found.best_n_epochs_ is None
    whole = GridSearchCV(forest, {k: [v] for k, v in found.best_params_.items()}, cv=3)
    assert whole.fit(X, y).best_score_ == found.best_score_


def test_a_step_that_has_epochs_or_not():
    pipeline = make_pipeline(StandardScaler(), classifier())
    forest = RandomForestClassifier(5, random_state=0)
    space = {"kerasclassifier": [forest, classifier()]}
    found = search(pipeline, space, n_iter=2, refit=False).fit(X, y)
    results = found.cv_results_
    for params, n in zip(results["params"], results["mean_n_epochs"], strict=True):
        assert (n == 0) == isinstance(params["kerasclassifier"], RandomForestClassifier)


def test_states_that_take_too_much_memory(found, monkeypatch):
    monkeypatch.setattr(budgeted, "MOST_BYTES", 0)
    other = search().fit(X, y)
    whole = GridSearchCV(classifier(), {"rate": [other.best_params_["rate"]]}, cv=3)
    np.testing.assert_allclose(
        scores(other)[:, other.best_index_], scores(whole.fit(X, y))[:, 0], atol=1e-5
    )
    n_epochs = other.learning_curves_.groupby(["candidate", "fold"]).size()
    assert set(n_epochs) <= {2, 6}
    # What is trained twice costs time only: the search does not depend on the memory.
    assert other.cv_results_["params"] == found.cv_results_["params"]
    assert (other.cv_results_["n_resources"] == found.cv_results_["n_resources"]).all()


def test_a_regressor_with_transformed_targets():
    features, targets = load_diabetes(return_X_y=True)

    def regression(rate=1e-2):
        model = keras.Sequential([keras.layers.Dense(1)])
        model.compile(keras.optimizers.Adam(rate), "mse")
        return model

    inner = KerasRegressor(regression, epochs=3, verbose=0, random_state=0)
    estimator = TransformedTargetRegressor(
        make_pipeline(StandardScaler(), inner), transformer=StandardScaler()
    )
    name = "regressor__kerasregressor__rate"
    found = search(estimator, {name: SPACE["rate"]}, n_iter=2).fit(features, targets)
    params = {name: [found.best_params_[name]]}
    whole = GridSearchCV(estimator, params, cv=3).fit(features, targets)
    assert whole.best_score_ == pytest.approx(found.best_score_, abs=1e-5)


def test_progress_and_stops(capsys):
    lines = io.StringIO()
    found = search(verbose=1, n_iter=20)
    found.set_callbacks(SearchProgress(0, lines), TargetScore(0.3)).fit(X, y)
    assert found.best_score_ >= 0.3
    assert found.cv_results_["n_resources"].sum() < 20 * 18
    assert "of 20 evaluations" in lines.getvalue()
    assert "of 6 epochs in 1 of 3 folds" in capsys.readouterr().out


class Interrupt(SearchProgress):
    def update(self, standing):
        if np.isfinite(standing.best):
            raise KeyboardInterrupt


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_interrupted(n_jobs):
    found = search(n_jobs=n_jobs, n_iter=20).set_callbacks(Interrupt())
    with pytest.raises(KeyboardInterrupt):
        found.fit(X, y)
    assert found.cv_results_["status"][found.best_index_] == "finished"
    assert not hasattr(found, "best_estimator_")
    assert len(found.learning_curves_)


class InterruptAtOnce(SearchProgress):
    def update(self, standing):
        raise KeyboardInterrupt


def test_interrupted_before_any_is_finished():
    found = search().set_callbacks(InterruptAtOnce())
    with pytest.raises(KeyboardInterrupt):
        found.fit(X, y)
    assert set(found.cv_results_["status"]) == {"frozen"}
    assert not hasattr(found, "best_params_")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: search(n_iter=0.5), "'n_iter' parameter"),
        (lambda: search(max_epochs=0), "'max_epochs' parameter"),
        (lambda: search(rungs=[(1, 0.5)]), r"last of rungs must be \(3, 1.0\)"),
        (lambda: search(rungs=[1, 3]), "rungs must be pairs"),
        (lambda: search(space={"ratee": (1e-3, 1.0)}), "Did you mean 'rate'"),
        (lambda: search(space={}), "search_spaces is empty"),
        (
            lambda: search(max_epochs=3, space={"epochs": [1, 2]}),
            "max_epochs=3 sets the number of epochs.*'epochs'",
        ),
        (
            lambda: search(RandomForestClassifier(), {"max_depth": (1, 5)}, max_epochs=3),
            "max_epochs=3 has no meaning",
        ),
        (lambda: hyperband(max_epochs=3, min_epochs=5), "max_epochs"),
        (lambda: hyperband(factor=1), "'factor' parameter"),
        (lambda: hyperband(sampler="tpe"), "'sampler' parameter"),
        (
            lambda: hyperband(RandomForestClassifier(), {"max_depth": (1, 5)}),
            "HyperbandSearchCV saves epochs, but RandomForest",
        ),
        (lambda: search(cv=VaryingFolds()), "inconsistent results"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make().fit(X, y)


@pytest.mark.parametrize("found", [search(max_epochs=3), hyperband(max_epochs=3)])
def test_epochs_that_are_given_twice(found):
    with pytest.raises(ValueError, match=r"max_epochs=3 .* passed to fit as 'epochs'"):
        found.fit(X, y, epochs=2)


def test_several_spaces():
    with pytest.raises(TypeError, match=r"conditional: Real\(\.\.\., when="):
        search(space=[SPACE, SPACE])


class VaryingFolds(KFold):
    def split(self, X, y=None, groups=None):
        yield from list(super().split(X, y, groups))[: self.n_splits - 1]

    def __init__(self):
        super().__init__(3)


def test_hyperband_trains_as_it_plans():
    found = hyperband(max_epochs=9).fit(X, y)
    results = found.cv_results_
    n_epochs = results["mean_n_epochs"]
    assert {int(n): int((n_epochs >= n).sum()) for n in (1, 3, 9)} == {1: 17, 3: 11, 9: 5}
    assert np.isfinite(scores(found)).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bayes = hyperband(sampler="bayes", max_epochs=9).fit(X, y)
    assert len(bayes.cv_results_["params"]) == 17


class Stub(ClassifierMixin, BaseEstimator):
    def __init__(self, a=0.0):
        self.a = a

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y):
        return -((self.a - 0.3) ** 2)


def test_a_space_that_is_used_up():
    with pytest.warns(UserWarning, match="Only folds"):
        found = search(Stub(), {"a": [0.1, 0.3, 0.5]}, n_iter=50, rungs=None).fit(X, y)
    assert found.best_params_ == {"a": 0.3}
    assert set(found.cv_results_["status"]) == {"finished"}
