import threading
import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn import model_selection
from sklearn.datasets import load_iris
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skkeras_search import GridSearchCV, Integer, RandomizedSearchCV, Real, Space

X, y = load_iris(return_X_y=True)
GRIDS = [
    {"C": [0.1, 1.0], "kernel": ("linear", "rbf")},
    [{"C": [0.1, 1.0], "kernel": ["linear"]}, {"gamma": [0.1, 1.0]}],
]


class Unfittable(DecisionTreeClassifier):
    def fit(self, X, y):
        raise AssertionError("A fit has begun.")


def same(ours, theirs):
    ours, theirs = ours.fit(X, y).cv_results_, theirs.fit(X, y).cv_results_
    assert ours["params"] == theirs["params"]
    assert ours.keys() == theirs.keys() | {"error"}
    assert (ours["mean_test_score"] == theirs["mean_test_score"]).all()


@pytest.mark.parametrize("grid", GRIDS, ids=["dict", "list"])
def test_a_grid_is_that_of_scikit_learn(grid):
    same(GridSearchCV(SVC(), grid, cv=3), model_selection.GridSearchCV(SVC(), grid, cv=3))


def test_random_candidates_are_those_of_scikit_learn():
    space = {"C": stats.loguniform(0.01, 100), "kernel": ["linear", "rbf"]}
    params = {"n_iter": 5, "cv": 3, "random_state": 0}
    same(
        RandomizedSearchCV(SVC(), space, **params),
        model_selection.RandomizedSearchCV(SVC(), space, **params),
    )


def test_a_grid_of_dimensions():
    space = {
        "C": Real(0.01, 100, "log-uniform"),
        "kernel": ("poly", "rbf"),
        "degree": Integer(2, 3, when={"kernel": "poly"}),
    }
    found = GridSearchCV(SVC(), space, cv=3, n_values=3).fit(X, y)
    params = found.cv_results_["params"]
    assert len(params) == 9
    assert sorted({p["C"] for p in params}) == pytest.approx([0.01, 1.0, 100.0])
    assert all(("degree" in p) == (p["kernel"] == "poly") for p in params)
    assert list(found.cv_results_["param_degree"].mask) == [
        "degree" not in p for p in params
    ]


def test_random_draws_from_dimensions():
    spaces = [
        {"kernel": ["rbf"], "C": Real(0.01, 100, "log-uniform")},
        {"kernel": ["linear"], "C": [1.0, 2.0]},
    ]
    search = RandomizedSearchCV(SVC(), spaces, n_iter=12, cv=3, random_state=0)
    params = search.fit(X, y).cv_results_["params"]
    assert params == search.fit(X, y).cv_results_["params"]
    assert 1 <= sum(p["kernel"] == "linear" for p in params) <= 2
    assert len(params) == 12


@pytest.mark.parametrize("as_list", [False, True])
def test_space_objects(as_list):
    space = Space({"C": Real(0.01, 100, "log-uniform"), "kernel": ["rbf", "linear"]})
    given = [space, {"C": [1.0]}] if as_list else space
    found = GridSearchCV(SVC(), given, cv=3, n_values=3).fit(X, y)
    assert len(found.cv_results_["params"]) == 6 + as_list
    found = RandomizedSearchCV(SVC(), given, n_iter=5, cv=3, random_state=0).fit(X, y)
    assert len(found.cv_results_["params"]) == 5


@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
@pytest.mark.parametrize("space", [5, "C", [5]])
def test_what_is_no_space(search, space):
    with pytest.raises(TypeError, match="must be a dict, a Space or a list, got"):
        search(SVC(), space).fit(X, y)


@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
def test_unknown_elements_after_the_prior(search):
    space = {"C": (0.1, 10.0, "log-uniform", {"kernel": "rbf"})}
    with pytest.raises(ValueError, match=r"C: \(0.1, .* is not a dimension"):
        search(Unfittable(), space).fit(X, y)


def test_bounds_need_a_prior():
    grid = {"C": (0.1, 10.0, "log-uniform"), "kernel": ("linear", "rbf"), "degree": (2, 5)}
    found = GridSearchCV(SVC(), grid, cv=3, n_values=3).fit(X, y).cv_results_["params"]
    assert len(found) == 12
    assert {p["degree"] for p in found} == {2, 5}
    search = RandomizedSearchCV(SVC(), grid, n_iter=9, cv=3, random_state=0)
    found = search.fit(X, y).cv_results_["params"]
    assert {p["degree"] for p in found} == {2, 5}
    assert len({p["C"] for p in found}) == 9


@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
@pytest.mark.parametrize("other", [[1e-3], Real(1e-3, 1e-2)])
def test_a_list_has_choices_whatever_the_other_parameters_are(search, other):
    space = {"tol": other, "C": [1, 2, "log-uniform"]}
    found = search(SVC(), space, error_score=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found.fit(X, y)
    assert "log-uniform" in found.cv_results_["param_C"]
    found.search_space_summary()


@pytest.mark.parametrize("values", [np.arange(2, 4), range(2, 4), (2, 3), [2, 3]])
@pytest.mark.parametrize("other", [[0.1], Real(0.1, 0.2)])
def test_values_are_choices_whatever_holds_them(values, other):
    grid = {"max_depth": values, "min_samples_split": other}
    found = GridSearchCV(DecisionTreeClassifier(), grid, cv=3, n_values=1).fit(X, y)
    assert found.cv_results_["param_max_depth"].tolist() == [2, 3]


def test_a_grid_of_a_distribution():
    search = GridSearchCV(SVC(), {"C": stats.expon()}, cv=3, n_values=2).fit(X, y)
    values = [p["C"] for p in search.cv_results_["params"]]
    assert values == pytest.approx(stats.expon().ppf([0.25, 0.75]))


def test_fewer_candidates_than_asked_for():
    search = RandomizedSearchCV(DecisionTreeClassifier(), {"max_depth": Integer(1, 3)})
    with pytest.warns(UserWarning, match="has 3 candidates, fewer than n_iter=10"):
        found = search.fit(X, y)
    assert sorted(p["max_depth"] for p in found.cv_results_["params"]) == [1, 2, 3]


@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
def test_the_nearest_name(search):
    with pytest.raises(ValueError, match="Did you mean 'max_depth'"):
        search(DecisionTreeClassifier(), {"max_dept": Integer(1, 3)}).fit(X, y)


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(Unfittable(), {"max_dept": [1, 2]}),
        GridSearchCV(Unfittable(), [{"max_depth": [1]}, {"max_dept": np.array([1, 2])}]),
        RandomizedSearchCV(Unfittable(), {"max_dept": [1, 2]}, n_iter=1),
        RandomizedSearchCV(Unfittable(), {"max_dept": stats.randint(1, 3)}),
    ],
    ids=["list", "array", "random list", "distribution"],
)
def test_unknown_names_raise_before_training_without_dimensions(search):
    with pytest.raises(ValueError, match="Did you mean 'max_depth'"):
        search.fit(X, y)


@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
def test_an_optimizer_and_its_parameters(search):
    keras = pytest.importorskip("keras")
    from skkeras_search import KerasClassifier

    def model():
        return keras.Sequential([keras.layers.Dense(3, "softmax")])

    classifier = KerasClassifier(
        model, loss="sparse_categorical_crossentropy", verbose=0, random_state=0
    )
    grid = {"optimizer": ["adam", "sgd"], "optimizer__learning_rate": [0.1]}
    spaces = [grid, {**grid, "optimizer__learning_rate": Real(0.1, 0.2)}]
    params = {"n_iter": 2} if search is RandomizedSearchCV else {"n_values": 1}
    found = search(classifier, spaces, cv=2, **params).fit(X, y)
    rate = found.best_estimator_.model_.optimizer.learning_rate
    assert float(rate) == pytest.approx(found.best_params_["optimizer__learning_rate"])
    with pytest.raises(ValueError, match="'optimzer__rate' is not a parameter"):
        search(classifier, {**grid, "optimzer__rate": [1]}).fit(X, y)


@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
def test_arguments_of_build_functions_that_are_searched(search):
    keras = pytest.importorskip("keras")
    from skkeras_search import KerasClassifier

    def narrow():
        return keras.Sequential([keras.layers.Dense(3, "softmax")])

    def wide(width=3):
        layers = [keras.layers.Dense(width), keras.layers.Dense(3, "softmax")]
        return keras.Sequential(layers)

    network = KerasClassifier(
        narrow, loss="sparse_categorical_crossentropy", verbose=0, random_state=0
    )
    cases = [
        (network, {"model": [wide], "width": [2]}),
        (
            Pipeline([("last", SVC())]),
            {"last": [network], "last__model": [wide], "last__width": [2]},
        ),
    ]
    params = {"n_iter": 1} if search is RandomizedSearchCV else {}
    for estimator, grid in cases:
        found = search(estimator, grid, cv=2, **params).fit(X, y)
        assert found.best_params_ == {name: values[0] for name, values in grid.items()}
        misspelled = {**grid, next(reversed(grid)) + "s": [2]}
        with pytest.raises(ValueError, match="widths' is not a parameter"):
            search(estimator, misspelled, cv=2, **params).fit(X, y)


def test_estimators_in_an_array():
    choices = np.array([SVC(), SVC(C=3)], dtype=object)
    grid = {"last": choices, "last__gamma": [0.1]}
    found = GridSearchCV(Pipeline([("last", DecisionTreeClassifier())]), grid).fit(X, y)
    assert found.best_params_["last__gamma"] == 0.1


def test_names_are_strings():
    with pytest.raises(TypeError, match="must be str, got 1"):
        GridSearchCV(SVC(), {1: [1, 2]}).fit(X, y)


class OfTwo:
    """A distribution that needs a generator, as scikit-learn passes it."""

    def rvs(self, random_state=None):
        return random_state.choice([0.1, 0.2])


def test_a_distribution_of_ones_own():
    keras = pytest.importorskip("keras")
    from skkeras_search import KerasClassifier

    network = KerasClassifier(
        lambda: keras.Sequential([keras.layers.Dense(3, "softmax")]),
        loss="sparse_categorical_crossentropy",
        optimizer="adam",
        verbose=0,
    )
    space = {"optimizer__learning_rate": OfTwo()}
    found = RandomizedSearchCV(network, space, n_iter=1, cv=2, random_state=0).fit(X, y)
    assert found.best_params_["optimizer__learning_rate"] in (0.1, 0.2)


def test_bad_numbers():
    with pytest.raises(ValueError, match="n_values"):
        GridSearchCV(SVC(), {"C": Real(0.1, 1)}, n_values=0).fit(X, y)


@pytest.mark.parametrize("search", [GridSearchCV, RandomizedSearchCV])
def test_keras_estimators_are_fused(search):
    keras = pytest.importorskip("keras")
    from skkeras_search import KerasClassifier

    threads = []

    def model(units=4):
        threads.append(threading.current_thread().name)
        layers = [keras.layers.Dense(units), keras.layers.Dense(3, "softmax")]
        made = keras.Sequential(layers)
        made.compile("adam", "sparse_categorical_crossentropy")
        return made

    classifier = KerasClassifier(model, epochs=1, verbose=0, random_state=0)
    params = {"n_iter": 2} if search is RandomizedSearchCV else {}
    found = search(classifier, {"units": [4, 5]}, cv=2, refit=False, **params).fit(X, y)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    assert threads == ["fused task"] * 2


def test_a_run_search_of_ones_own():
    class Own(GridSearchCV):
        def _run_search(self, evaluate_candidates, **kwargs):
            evaluate_candidates([{"C": 1.0}])

    with pytest.raises(TypeError, match="Own has a _run_search of its own"):
        Own(SVC(), {"C": [0.1]}).fit(X, y)
