"""What load_search gives, as an object of scikit-learn."""

import pickle
import sys
from contextlib import nullcontext

import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from skkeras_search import (
    BayesSearchCV,
    FreezeThawSearchCV,
    GridSearchCV,
    load_search,
)

X, y = load_iris(return_X_y=True)
SEARCHES = {
    "grid": GridSearchCV(SVC(), {"C": [0.1, 1.0]}, cv=3),
    "bayes": BayesSearchCV(SVC(), {"C": [0.1, 1.0]}, n_iter=2, cv=3, random_state=0),
    "freeze-thaw": FreezeThawSearchCV(
        SVC(), {"C": [0.1, 1.0]}, n_iter=2, cv=3, random_state=0
    ),
}


@pytest.fixture(scope="module", params=SEARCHES)
def path(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("loaded") / "search.db"
    search = clone(SEARCHES[request.param]).set_params(storage=path, search_name="first")
    with pytest.warns() if request.param == "freeze-thaw" else nullcontext():
        search.fit(X, y)
    return path


def test_parameters_say_where_it_is_from(path):
    loaded = load_search(path)
    assert loaded.get_params() == {"storage": path, "search_name": "first"}
    assert loaded.versions["scikit-learn"]
    assert loaded.described_spaces == [{"C": "one of 0.1, 1"}]


def test_a_copy_has_the_same_results(path):
    loaded = load_search(path)
    for copy in (clone(loaded), pickle.loads(pickle.dumps(loaded))):
        assert repr(copy) == repr(loaded)
        assert copy.best_params_ == loaded.best_params_
        assert copy.learning_curves_.equals(loaded.learning_curves_)


def test_a_clone_reads_again(tmp_path):
    path = tmp_path / "search.db"
    BayesSearchCV(
        SVC(), {"C": (0.1, 9.0)}, n_iter=2, cv=3, storage=path, random_state=0
    ).fit(X, y)
    loaded = load_search(path)
    more = BayesSearchCV(SVC(), {"C": (0.1, 9.0)}, n_iter=4, cv=3, storage=path)
    more.set_params(random_state=0, resume="extend").fit(X, y)
    assert len(loaded.cv_results_["params"]) == 2
    assert len(clone(loaded).cv_results_["params"]) == 4


def test_a_notebook_shows_it(path):
    loaded = load_search(path)
    for page in (loaded._repr_html_(), loaded._repr_mimebundle_()["text/html"]):
        assert f"{loaded.search_class} (loaded)" in page
        assert "best score" in page


def test_it_cannot_be_fitted(path):
    with pytest.raises(TypeError, match=r"make the same \w+CV with storage"):
        load_search(path).fit(X, y)


OF_SEARCHES = {name for name in dir(GridSearchCV) if not name.startswith("_")}


@pytest.mark.parametrize("refit", [True, False])
def test_what_it_lacks_is_explained(path, refit, monkeypatch):
    loaded = load_search(path)
    monkeypatch.setattr(loaded, "refit", refit)
    missing = {name for name in OF_SEARCHES if not hasattr(loaded, name)}
    assert missing >= {"predict", "predict_proba", "transform", "classes_"}
    for name in {*missing, "estimator", "best_estimator_", "scorer_"}:
        with pytest.raises(
            AttributeError, match=r"make the same \w+CV with storage"
        ) as error:
            getattr(loaded, name)
        assert name in str(error.value)
        assert "_Loaded" not in str(error.value)
    with pytest.raises(TypeError, match=r"make the same \w+CV with storage"):
        loaded.score(X, y)
    with pytest.raises(
        AttributeError, match=f"This {loaded.search_class}, .* 'best_parms_'"
    ):
        loaded.best_parms_  # noqa: B018


def test_frames_are_not_made_for_representations(path, monkeypatch):
    loaded = load_search(path)
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert not {"learning_curves_", "timeline_"} & set(dir(loaded))
    assert "best score" in loaded._repr_html_()
