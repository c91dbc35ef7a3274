"""A search as a table, as text, and its best candidates."""

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn import model_selection
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skkeras_search import (
    BayesSearchCV,
    FreezeThawSearchCV,
    GridSearchCV,
    HyperbandSearchCV,
    Integer,
    KerasClassifier,
    RandomizedSearchCV,
    Real,
    Space,
    load_search,
)
from skkeras_search.inspection.summary import space_text, to_frame, what_failed
from tests.inspection.conftest import made_up

X, y = load_iris(return_X_y=True)


def test_frame(conditional):
    frame = conditional.to_frame()
    assert frame.index.name == "candidate"
    assert len(frame) == 12
    assert frame["param_C"].dtype == float
    assert list(frame["param_gamma"].notna()) == [
        "gamma" in one for one in conditional.cv_results_["params"]
    ]
    best = frame.loc[conditional.best_index_]
    assert best["mean_test_score"] == conditional.best_score_
    assert set(frame["status"]) == {"finished", "failed"}
    assert (frame["error"].notna() == (frame["status"] == "failed")).all()


def test_a_tuple_is_one_value_of_a_frame():
    search = made_up([{"a": (1, 2)}, {"a": (3,)}], [[0.1], [0.2]])
    assert list(to_frame(search)["param_a"]) == [(1, 2), (3,)]


def test_results_summary(grid, capsys):
    grid.results_summary(2)
    first, second, *rest = capsys.readouterr().out.splitlines()
    assert first == "GridSearchCV: 6 candidates (6 finished), ranked by score"
    assert second.startswith(f"candidate {grid.best_index_}: score {grid.best_score_:.4g} ")
    assert len([line for line in rest if line.startswith("candidate")]) == 1


def test_results_summary_says_why_candidates_failed(conditional, capsys):
    conditional.results_summary(1)
    last = capsys.readouterr().out.splitlines()[-1]
    n_failed = sum(p["kernel"] == "wrong" for p in conditional.cv_results_["params"])
    assert last.startswith(f"{n_failed} candidates with an error: ")
    assert "The 'kernel' parameter of SVC must be" in last


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(SVC(), {"C": [1, 2]}),
        RandomizedSearchCV(SVC(), {"C": [1, 2]}),
        BayesSearchCV(SVC(), {"C": [1, 2]}),
        FreezeThawSearchCV(SVC(), {"C": [1, 2]}),
        HyperbandSearchCV(SVC(), {"C": [1, 2]}),
    ],
)
def test_space_before_fit(search, capsys):
    search.search_space_summary()
    assert capsys.readouterr().out == (
        "Space: 1 hyperparameter, 2 configurations\n    C: one of 1, 2\n"
    )


def test_spaces_of_all_kinds():
    class OnlyDraws:
        def rvs(self, random_state=None):
            return 1

        def __repr__(self):
            return "OnlyDraws()"

    space = Space({"a": ["x", "y"], "b": Real(0, 1, when={"a": "x"})})
    assert "b: real from 0 to 1, if a is x" in space_text(BayesSearchCV(SVC(), space))
    several = BayesSearchCV(SVC(), [({"a": (1, 9)}, 3), {"b": [0.1]}])
    assert "Space 2 of 2" in space_text(several)
    assert "a: integer from 1 to 9" in space_text(several)
    theirs = model_selection.RandomizedSearchCV(
        SVC(), {"C": loguniform(1e-3, 1), "gamma": (1, 9), "tol": OnlyDraws()}
    )
    text = space_text(theirs)
    assert "C: real from 0.001 to 1, log-uniform" in text
    assert "gamma: one of 1, 9" in text
    assert "tol: OnlyDraws()" in text


def test_space_of_a_search_that_is_loaded(tmp_path, capsys):
    path = tmp_path / "search.db"
    space = {
        "kernel": ["linear", "rbf"],
        "gamma": Real(1e-3, 10, "log-uniform", when={"kernel": ["rbf"]}),
    }
    search = BayesSearchCV(SVC(), space, n_iter=2, cv=3, random_state=0, storage=path)
    search.fit(X, y).search_space_summary()
    load_search(path).search_space_summary()
    told, loaded = (
        text.splitlines() for text in capsys.readouterr().out.split("Space")[1:]
    )
    assert told[1:] == loaded[1:]
    assert "gamma: real from 0.001 to 10, log-uniform, if kernel is rbf" in told[2]


def test_space_of_a_storage_that_has_none(tmp_path):
    path = tmp_path / "search.db"
    grid = {"C": [0.1, 10.0], "kernel": ["linear", "rbf"]}
    GridSearchCV(SVC(), grid, cv=3, storage=path).fit(X, y)
    loaded = load_search(path)
    loaded.described_spaces = []
    assert "C: numbers from 0.1 to 10" in space_text(loaded)
    assert "kernel: one of linear, rbf" in space_text(loaded)


def test_best_hyperparameters(conditional):
    best = conditional.get_best_hyperparameters(3)
    assert best[0] == conditional.best_params_
    scores = [
        conditional.cv_results_["mean_test_score"][
            conditional.cv_results_["params"].index(one)
        ]
        for one in best
    ]
    assert scores == sorted(scores, reverse=True)
    assert (
        len(conditional.get_best_hyperparameters(99))
        == np.isfinite(conditional.cv_results_["mean_test_score"]).sum()
    )
    best[0]["C"] = None
    assert conditional.best_params_["C"] is not None


def test_best_models(grid):
    assert grid.get_best_models() == [grid.best_estimator_]
    first, second = grid.get_best_models(2, X, y)
    assert first.get_params() == grid.best_estimator_.get_params()
    assert first is not grid.best_estimator_
    assert second.score(X, y) > 0.5


@pytest.mark.parametrize("n_epochs", [3])
def test_best_models_of_freeze_thaw_train_as_long_as_the_best(n_epochs):
    import keras

    def build(meta, units=2):
        return keras.Sequential(
            [keras.layers.Dense(units), keras.layers.Dense(3, "softmax")]
        )

    loss = "sparse_categorical_crossentropy"
    classifier = KerasClassifier(build, loss=loss, verbose=0, random_state=0)
    search = FreezeThawSearchCV(
        classifier,
        {"units": Integer(1, 8)},
        max_epochs=n_epochs,
        n_iter=2,
        cv=3,
        random_state=0,
    ).fit(X, y)
    (model,) = search.get_best_models(1, X, y)
    assert len(model.history_["loss"]) == search.best_n_epochs_ == n_epochs
    assert np.allclose(model.predict_proba(X), search.predict_proba(X))
    assert f"epochs={n_epochs}" in repr(search._candidate(search.best_index_))


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "2"])
def test_bad_numbers(grid, n):
    for method in (
        grid.results_summary,
        grid.get_best_hyperparameters,
        grid.get_best_models,
    ):
        with pytest.raises(ValueError, match="n must be a whole number"):
            method(n)


def test_models_that_are_not_there(tmp_path):
    path = tmp_path / "search.db"
    search = GridSearchCV(SVC(), {"C": [1, 2]}, refit=False, cv=3, storage=path).fit(X, y)
    with pytest.raises(ValueError, match=r"call get_best_models\(1, X, y\)"):
        search.get_best_models()
    with pytest.raises(ValueError, match=r"call get_best_models\(2, X, y\)"):
        search.get_best_models(2)
    with pytest.raises(ValueError, match="does not know its estimator"):
        load_search(path).get_best_models(1, X, y)


@pytest.mark.parametrize(
    "method",
    ["plot", "to_frame", "results_summary", "get_best_hyperparameters", "get_best_models"],
)
def test_before_fit(method):
    with pytest.raises(NotFittedError, match="no evaluated candidate yet"):
        getattr(GridSearchCV(SVC(), {"C": [1]}), method)()


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            "Fold 0: Traceback (most recent call last):\n  File x\nValueError: a\n",
            "ValueError: a",
        ),
        (
            "Traceback (most recent call last):\n  x\nKeyError: a\n\nDuring handling:\n\n"
            "Traceback (most recent call last):\n  y\nValueError: b\nmore\n  and more",
            "ValueError: b",
        ),
        ("The score of fold 1 is nan.", "The score of fold 1 is nan."),
        ("", ""),
    ],
)
def test_what_failed(error, line):
    assert what_failed(error) == line


def test_integers_stay_integers_where_one_is_missing():
    params = [{"a": 3, "b": 0.5}, {"b": 1.5}, {"a": np.int64(4)}]
    frame = to_frame(made_up(params, [[0.1], [0.2], [0.3]]))
    assert [type(value) for value in frame["param_a"].dropna()] == [int, np.int64]
    assert frame["param_a"].isna().tolist() == [False, True, False]
    assert frame["param_b"].dtype == float


def test_the_numbers_of_a_space():
    spaces = [({"C": (0.0, 1.0), "gamma": Real(0.1, 0.9, "reverse-log-uniform")}, 3)]
    text = space_text(BayesSearchCV(SVC(), [*spaces, {"C": [0.1]}]))
    first, _, gamma, second, _ = text.splitlines()
    assert first == "Space 1 of 2: 2 hyperparameters"
    assert gamma == "    gamma: real from 0.1 to 0.9, reverse-log-uniform"
    assert second == "Space 2 of 2: 1 hyperparameter, 1 configuration"


class Declaring(SVC):
    """Declares the space of its searches, as a build function with ``hp`` does."""

    def declared_space(self):
        return Space({"C": (0.01, 100.0, "log-uniform")})


@pytest.mark.parametrize("is_fitted", [False, True])
def test_a_declared_space(is_fitted, capsys):
    search = RandomizedSearchCV(
        make_pipeline(Declaring()), n_iter=2, cv=2, refit=False, random_state=0
    )
    if is_fitted:
        search.fit(X, y)
    search.search_space_summary()
    assert "declaring__C: real from 0.01 to 100, log-uniform" in capsys.readouterr().out
