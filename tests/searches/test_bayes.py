import pickle
import threading
import warnings

import joblib
import numpy as np
import pytest
from scipy import stats
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skkeras_search import BayesSearchCV, Categorical, Integer, Real

X, y = load_iris(return_X_y=True)
TREE = {"max_depth": (1, 8), "min_samples_split": (0.01, 0.9, "log-uniform")}


class Stub(ClassifierMixin, BaseEstimator):
    """A classifier whose score is what its parameters say."""

    def __init__(self, a=0.0, b="x", fail=False):
        self.a, self.b, self.fail = a, b, fail

    def fit(self, X, y, sample_weight=None):
        if self.fail:
            raise RuntimeError("told to fail")
        self.classes_ = np.unique(y)
        self.weighted_ = sample_weight is not None
        return self

    def predict(self, X):
        return np.zeros(len(X), int)

    def score(self, X, y, sample_weight=None):
        return -((self.a - 0.3) ** 2) - (self.b != "x")


def search(estimator=None, spaces=None, **params):
    params = {"n_iter": 8, "cv": 3, "random_state": 0, **params}
    return BayesSearchCV(estimator or Stub(), spaces or {"a": (0.0, 1.0)}, **params)


def test_finds_good_parameters():
    found = search(SVC(), {"C": (1e-4, 1e4, "log-uniform"), "kernel": ["linear", "rbf"]})
    found.set_params(n_iter=15).fit(X, y)
    assert found.best_score_ > 0.97
    assert found.score(X, y) > 0.95
    assert found.predict(X[:3]).shape == (3,)
    assert len(found.cv_results_["params"]) == 15
    assert found.best_params_ == found.cv_results_["params"][found.best_index_]


def test_results_are_those_of_cross_validation():
    found = search(DecisionTreeClassifier(random_state=0), TREE).fit(X, y)
    for params, score in zip(
        found.cv_results_["params"], found.cv_results_["mean_test_score"], strict=True
    ):
        tree = DecisionTreeClassifier(random_state=0, **params)
        assert cross_val_score(tree, X, y, cv=3).mean() == pytest.approx(score)


@pytest.mark.parametrize("n_points", [1, 3])
def test_the_same_seed_gives_the_same_candidates_whatever_n_jobs(n_points):
    results = [
        search(spaces=TREE, estimator=DecisionTreeClassifier(random_state=0))
        .set_params(n_jobs=n_jobs, n_points=n_points)
        .fit(X, y)
        .cv_results_
        for n_jobs in (None, 1, 2)
    ]
    for other in results[1:]:
        assert results[0]["params"] == other["params"]
        assert (results[0]["mean_test_score"] == other["mean_test_score"]).all()


def test_all_candidates_have_the_same_folds():
    spaces = {"splitter": ["best"], "max_leaf_nodes": (100, 200)}
    cv = KFold(3, shuffle=True)
    found = search(DecisionTreeClassifier(random_state=0), spaces, cv=cv).fit(X, y)
    assert len(found.cv_results_["params"]) == 8
    assert len(set(found.cv_results_["mean_test_score"])) == 1


def test_values_are_plain_and_sorted_by_name():
    found = search(
        spaces={"b": ["x", "z"], "a": stats.uniform(0, 1)}, estimator=Stub()
    ).fit(X, y)
    assert list(found.best_params_) == ["a", "b"]
    assert {type(params["a"]) for params in found.cv_results_["params"]} == {float}


def test_spaces_one_after_the_other():
    pipeline = Pipeline([("model", SVC())])
    linear = {"model": Categorical([LinearSVC()]), "model__C": (1e-3, 1e3, "log-uniform")}
    tree = {
        "model": [DecisionTreeClassifier()],
        "model__max_depth": Integer(1, 32),
    }
    svc = {
        "model": [SVC()],
        "model__C": Real(1e-3, 1e3, prior="log-uniform"),
        "model__kernel": ["linear", "poly", "rbf"],
    }
    found = search(pipeline, [(linear, 1), (tree, 2), svc], n_iter=3).fit(X, y)
    models = [type(p["model"]) for p in found.cv_results_["params"]]
    assert models == [LinearSVC] + 2 * [DecisionTreeClassifier] + 3 * [SVC]
    assert found.total_iterations == 6
    assert [len(r.x_iters) for r in found.optimizer_results_] == [1, 2, 3]


def test_swapping_a_step_with_its_own_parameters():
    space = {
        "model": [LogisticRegression(max_iter=500), DecisionTreeClassifier()],
        "model__C": Real(1e-2, 1e2, "log-uniform"),
    }
    trees = Categorical([DecisionTreeClassifier()])
    with pytest.raises(ValueError, match="Did you mean 'model__max_depth'"):
        search(
            Pipeline([("model", SVC())]), {"model": trees, "model__max_dept": (1, 3)}
        ).fit(X, y)
    logistic = space["model"][0]
    space["model__C"] = Real(1e-2, 1e2, "log-uniform", when={"model": logistic})
    found = search(Pipeline([("model", SVC())]), space, n_iter=10).fit(X, y)
    for params in found.cv_results_["params"]:
        assert ("model__C" in params) == isinstance(params["model"], LogisticRegression)
    again = clone(found).fit(X, y)
    assert len(again.cv_results_["params"]) == 10


def test_tuples_as_categories():
    mlp = MLPClassifier(max_iter=5)
    space = {"hidden_layer_sizes": Categorical([(4,), (4, 4)])}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = search(mlp, space, n_iter=2).fit(X, y)
    assert {p["hidden_layer_sizes"] for p in found.cv_results_["params"]} == {(4,), (4, 4)}


def test_a_space_that_is_used_up():
    with pytest.warns(UserWarning, match="has 3 candidates, fewer than n_iter=8"):
        found = search(spaces={"a": [0.1, 0.3, 0.5]}).fit(X, y)
    assert len(found.cv_results_["params"]) == 3
    assert found.best_params_ == {"a": 0.3}


def test_optimizer_results():
    found = search(spaces={"b": ["x", "z"], "a": (0.0, 1.0)}).fit(X, y)
    (result,) = found.optimizer_results_
    assert result.space.names == ["a", "b"]
    assert len(result.x_iters) == len(result.func_vals) == 8
    assert result.fun == -found.best_score_ == min(result.func_vals)
    assert dict(zip(result.space.names, result.x, strict=True)) == found.best_params_


def test_callbacks_see_each_batch_and_can_stop():
    seen = []

    def callback(result):
        seen.append(len(result.x_iters))
        return len(seen) == 2

    found = search(n_points=3).fit(X, y, callback=[callback])
    assert seen == [3, 6]
    assert len(found.cv_results_["params"]) == 6
    seen.clear()
    spaces = [{"a": (0.0, 1.0)}, {"a": (0.0, 0.5)}]
    found = search(spaces=spaces, n_iter=4).fit(X, y, callback=callback)
    assert seen == [1, 2, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="callback must be"):
        search().fit(X, y, callback=3)


def test_stoppers_of_scikit_optimize():
    skopt = pytest.importorskip("skopt.callbacks")
    stoppers = {
        skopt.DeltaYStopper(10.0, n_best=3): 3,
        skopt.DeltaXStopper(10.0): 2,
        skopt.ThresholdStopper(10.0): 1,
    }
    for stopper, n in stoppers.items():
        found = search().fit(X, y, callback=stopper)
        assert len(found.cv_results_["params"]) == n


def test_classes_as_categories():
    class Wrapper(Stub):
        def __init__(self, base=SVC, fail=False):
            self.base = base
            self.fail = fail

        def score(self, X, y):
            return float(self.base is SVC)

    found = search(Wrapper(), {"base": [SVC, LogisticRegression]}, n_iter=2).fit(X, y)
    assert found.best_params_ == {"base": SVC}


def test_the_last_batch_is_smaller():
    seen = []
    search(n_points=3).fit(X, y, callback=lambda result: seen.append(len(result.x_iters)))
    assert seen == [3, 6, 8]


def test_a_candidate_that_fails_costs_nothing_else():
    space = {"fail": [True, False], "a": (0.0, 1.0)}
    with pytest.warns(FitFailedWarning):
        found = search(spaces=space, n_iter=12).fit(X, y)
    results = found.cv_results_
    failed = np.array([params["fail"] for params in results["params"]])
    assert len(failed) == 12
    assert failed.any()
    assert (np.isnan(results["mean_test_score"]) == failed).all()
    assert not found.best_params_["fail"]
    assert (results["rank_test_score"][failed] == (~failed).sum() + 1).all()


@pytest.mark.parametrize("fails", [[True, False], [False, True]])
def test_the_first_or_the_last_candidate_fails(fails):
    class Initial(BayesSearchCV):
        def _make_sampler(self, space, seed):
            sampler = super()._make_sampler(space, seed)
            sampler._initial = [space.encode({"fail": fail}) for fail in fails]
            return sampler

    found = Initial(Stub(), {"fail": [True, False]}, n_iter=2, cv=3)
    with pytest.warns(FitFailedWarning):
        found.fit(X, y)
    assert [p["fail"] for p in found.cv_results_["params"]] == fails
    assert found.best_params_ == {"fail": False}
    assert list(np.isnan(found.cv_results_["split0_test_score"])) == fails


def test_error_score():
    space = {"fail": [True, False]}
    with pytest.warns(FitFailedWarning):
        found = search(spaces=space, n_iter=2, error_score=-9.0).fit(X, y)
    assert sorted(found.cv_results_["mean_test_score"])[0] == -9
    with pytest.raises(RuntimeError, match="told to fail"):
        search(spaces=space, n_iter=2, error_score="raise").fit(X, y)
    with pytest.raises(ValueError, match="told to fail"), pytest.warns(FitFailedWarning):
        search(Stub(fail=True)).fit(X, y)


def test_scores_that_are_not_numbers():
    def scorer(estimator, X, y):
        return np.nan if estimator.a > 0.5 else estimator.a

    with pytest.warns(UserWarning, match="non-finite"):
        found = search(scoring=scorer, n_iter=15).fit(X, y)
    assert 0.3 < found.best_params_["a"] <= 0.5


def test_several_metrics():
    scoring = {"accuracy": "accuracy", "f1": "f1_macro"}
    tree = DecisionTreeClassifier(random_state=0)
    found = search(tree, TREE, scoring=scoring, refit="f1").fit(X, y)
    assert found.best_score_ == found.cv_results_["mean_test_f1"].max()
    assert found.optimizer_results_[0].fun == -found.best_score_
    with pytest.raises(ValueError, match="refit"):
        search(tree, TREE, scoring=scoring, refit=True).fit(X, y)


def test_a_function_that_gives_several_scores():
    def scorer(estimator, X, y):
        right = estimator.predict(X) == y
        return {"right": right.sum(), "wrong": (~right).sum()}

    tree = DecisionTreeClassifier(random_state=0)
    found = search(tree, TREE, scoring=scorer, refit="right").fit(X, y)
    assert found.best_score_ == found.cv_results_["mean_test_right"].max()
    assert len(found.cv_results_["mean_test_wrong"]) == 8


def test_scores_on_the_training_rows_are_ranked():
    tree = DecisionTreeClassifier(random_state=0)
    results = search(tree, TREE, return_train_score=True).fit(X, y).cv_results_
    expected = stats.rankdata(-results["mean_train_score"], method="min")
    assert (results["rank_train_score"] == expected).all()


def test_refit_that_chooses():
    found = search(refit=lambda results: len(results["params"]) - 1).fit(X, y)
    assert found.best_index_ == 7
    assert found.best_estimator_.a == found.cv_results_["params"][7]["a"]
    found = search(refit=False).fit(X, y)
    assert not hasattr(found, "best_estimator_")
    assert found.best_params_


def test_groups_and_sample_weight():
    groups = np.arange(len(y)) % 5
    found = search(DecisionTreeClassifier(), TREE, cv=GroupKFold(3))
    found.fit(X, y, groups=groups, sample_weight=np.ones(len(y)))
    assert found.n_splits_ == 3
    with pytest.raises(ValueError, match="groups"):
        search(cv=GroupKFold(3)).fit(X, y)


def test_metadata_routing():
    with config_context(enable_metadata_routing=True):
        stub = (
            Stub()
            .set_fit_request(sample_weight=True)
            .set_score_request(sample_weight=False)
        )
        found = search(stub).fit(X, y, sample_weight=np.ones(len(y)))
        assert found.best_estimator_.weighted_


def test_fit_params():
    found = search(fit_params={"sample_weight": np.ones(len(y))}).fit(X, y)
    assert found.best_estimator_.weighted_


def test_parameters_of_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), SVC())
    found = search(pipeline, {"svc__C": (0.1, 10.0, "log-uniform")}).fit(X, y)
    assert 0.1 <= found.best_params_["svc__C"] <= 10


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_ctrl_c_and_errors_leave_the_results_so_far(error):
    class Interrupted(Stub):
        n_fits = 0

        def fit(self, X, y):
            Interrupted.n_fits += 1
            if Interrupted.n_fits > 10:
                raise error
            return super().fit(X, y)

    found = search(Interrupted(), error_score="raise")
    with pytest.raises(error):
        found.fit(X, y)
    assert len(found.cv_results_["params"]) == 3
    assert found.best_params_ == found.cv_results_["params"][found.best_index_]
    assert found.best_score_ == found.cv_results_["mean_test_score"].max()
    assert not hasattr(found, "best_estimator_")


def test_scikit_learn_callbacks_watch_the_candidates():
    monitor = ScoringMonitor(scoring="accuracy")
    tree = DecisionTreeClassifier(random_state=0)
    search(tree, TREE, n_iter=2).set_callbacks(monitor).fit(X, y)


@pytest.mark.parametrize(
    ("spaces", "message"),
    [
        ({"aa": [1, 2]}, "'aa' is not a parameter of Stub"),
        ({"bb__c": [1, 2]}, "'bb__c' is not a parameter of Stub"),
    ],
)
def test_unknown_parameters_are_found_before_the_first_fit(spaces, message):
    with pytest.raises(ValueError, match=message):
        search(Stub(fail=True), spaces, error_score="raise").fit(X, y)


def test_the_nearest_name():
    with pytest.raises(ValueError, match="Did you mean 'max_depth'"):
        search(DecisionTreeClassifier(), {"maxdepth": (1, 3)}).fit(X, y)


def test_bad_spaces():
    with pytest.raises(ValueError, match=r"'1 \.\.\. 100\.0' is not a dimension"):
        BayesSearchCV(SVC(), {"C": "1 ... 100.0"})
    with pytest.raises(TypeError, match="got 'C' in the list"):
        BayesSearchCV(SVC(), ["C", (1.0, 1)])
    with pytest.raises(ValueError, match="search_spaces is missing"):
        BayesSearchCV(SVC(), None).fit(X, y)
    with pytest.raises(ValueError, match="search_spaces is empty"):
        BayesSearchCV(SVC(), {})
    with pytest.raises(ValueError, match="number of candidates"):
        BayesSearchCV(SVC(), [({"C": (1.0, 2.0)}, 0)])
    with pytest.raises(ValueError, match="n_points"):
        search(n_points=0).fit(X, y)
    with pytest.raises(TypeError, match="must be str, got 1"):
        BayesSearchCV(SVC(), {1: [1, 2]})
    assert search(n_iter=np.int64(3)).fit(X, y).total_iterations == 3


def test_optimizer_kwargs():
    found = search(optimizer_kwargs={"n_initial_points": 3}).fit(X, y)
    assert found.optimizers_[0].n_initial == 3
    with pytest.warns(UserWarning, match="base_estimator.*no effect"):
        search(optimizer_kwargs={"base_estimator": "RF"}).fit(X, y)
    search(optimizer_kwargs={"base_estimator": "GP"}).fit(X, y)
    with pytest.raises(ValueError, match=r"'n_initials'.*Did you mean 'n_initial'"):
        search(optimizer_kwargs={"n_initials": 3}).fit(X, y)
    initial = [{"a": 0.25}]
    found = search(optimizer_kwargs={"initial": initial}).fit(X, y)
    assert found.cv_results_["params"][0] == initial[0]


@pytest.mark.parametrize("initial", [{"a": 0.5}, [0.5], 0.5, "a"])
def test_initial_that_is_no_list_of_configurations(initial):
    with pytest.raises(TypeError, match=r"optimizer_kwargs\['initial'\] must be a list"):
        search(optimizer_kwargs={"initial": initial}).fit(X, y)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (SVC, r"estimator must be an instance, such as SVC\(\.\.\.\), got the class SVC"),
        (None, "estimator must be a scikit-learn estimator.* got None"),
        ("SVC", "estimator must be a scikit-learn estimator.* got 'SVC'"),
    ],
)
def test_what_is_no_estimator(estimator, message):
    with pytest.raises(TypeError, match=message):
        BayesSearchCV(estimator, {"C": (0.1, 1.0)}).fit(X, y)


def test_an_error_leaves_nothing_of_the_fit_before():
    found = search().fit(X, y).set_params(cv=1000)
    with pytest.raises(ValueError, match="n_splits=1000"):
        found.fit(X, y)
    assert not hasattr(found, "cv_results_")
    assert not hasattr(found, "best_score_")


def test_cloning_and_pickling():
    before = search(spaces=TREE, estimator=DecisionTreeClassifier(random_state=0))
    found = clone(before).fit(X, y)
    assert before.get_params().keys() == found.get_params().keys()
    again = pickle.loads(pickle.dumps(found))
    assert (again.predict(X) == found.predict(X)).all()
    with pytest.raises(NotFittedError):
        before.predict(X)


def test_other_joblib_backends_are_left_as_they_are():
    with joblib.parallel_config("threading", n_jobs=2):
        search().fit(X, y)


def test_keras_estimators_are_fused():
    keras = pytest.importorskip("keras")
    from skkeras_search import KerasClassifier

    threads = set()

    def model(meta, units=8, rate=1e-3):
        threads.add(threading.current_thread().name)
        made = keras.Sequential(
            [
                keras.layers.Dense(units, "relu"),
                keras.layers.Dense(meta["n_classes_"], "softmax"),
            ]
        )
        made.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        return made

    images, digits = load_digits(return_X_y=True)
    images, digits = images[:200] / 16, digits[:200]
    classifier = KerasClassifier(model, epochs=2, verbose=0, random_state=0)
    pipeline = make_pipeline(StandardScaler(), classifier)
    space = {
        "kerasclassifier__rate": (1e-3, 1e-1, "log-uniform"),
        "kerasclassifier__units": [4, 8],
    }
    found = search(pipeline, space, n_iter=4, n_points=2, refit=False, error_score="raise")
    fused = found.fit(images, digits).cv_results_["mean_test_score"]
    assert threads == {"fused task"}
    alone = clone(found).set_params(n_jobs=1).fit(images, digits)
    np.testing.assert_allclose(fused, alone.cv_results_["mean_test_score"])
    with pytest.raises(ValueError, match="Did you mean 'kerasclassifier__units'"):
        search(pipeline, {"kerasclassifier__unitss": [4, 8]}).fit(images, digits)
