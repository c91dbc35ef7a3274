"""Build functions with ``hp``, without KerasTuner."""

import functools
import pickle

import cloudpickle
import keras
import pytest
from keras import layers
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import (
    BayesSearchCV,
    FreezeThawSearchCV,
    GridSearchCV,
    HyperbandSearchCV,
    Integer,
    KerasClassifier,
    RandomizedSearchCV,
    Space,
    load_search,
)
from skkeras_search.searches.base import Search
from skkeras_search.space.hyperparameters import DeclarationError
from tests.estimators.data import X_iris, weights, y_iris
from tests.interop.build_functions import compiled, one_layer, several_layers

QUIET = {"verbose": 0, "random_state": 0, "epochs": 2}


def classifier(function=one_layer, **params):
    return KerasClassifier(function, **{**QUIET, **params})


def test_parameters():
    estimator = classifier(units=12)
    params = estimator.get_params()
    assert params["units"] == 12
    assert params["learning_rate"] == 1e-3
    assert "hp" not in params
    copied = clone(estimator).set_params(learning_rate=0.05)
    assert copied.get_params()["units"] == copied.units == 12
    assert copied.get_params()["learning_rate"] == 0.05
    assert estimator.get_params()["learning_rate"] == 1e-3
    model = copied.fit(X_iris, y_iris).model_
    assert model.layers[0].units == 12
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)
    with pytest.raises(ValueError, match="Did you mean 'units'"):
        estimator.set_params(unit=8)
    with pytest.raises(TypeError, match="Did you mean 'units'"):
        classifier(unit=8).fit(X_iris, y_iris)


def test_nothing_is_built_before_somebody_asks():
    def function(hp):
        raise AssertionError("called")

    KerasClassifier(function, units=3)


def test_a_clone_and_another_process_know_what_was_declared():
    n_calls = 0

    def function(hp):
        nonlocal n_calls
        n_calls += 1
        return one_layer(hp)

    estimator = clone(classifier(function))
    n_of_discovery = n_calls
    assert n_of_discovery > 1
    clone(estimator).get_params()
    cross_val_score(estimator, X_iris, y_iris, cv=2)
    assert n_calls <= n_of_discovery + 2
    again = pickle.loads(cloudpickle.dumps(estimator))
    assert again._declared.source is again.model
    assert again.declared_space() == estimator.declared_space()


def test_the_weights_are_those_of_a_plain_function():
    def plain(units, learning_rate):
        model = keras.Sequential([keras.Input((4,))])
        model.add(layers.Dense(units, activation="relu"))
        return compiled(model, learning_rate)

    chosen = {"units": 8, "learning_rate": 0.02}
    ours = classifier(**chosen).fit(X_iris, y_iris)
    theirs = classifier(plain, **chosen).fit(X_iris, y_iris)
    assert ours.engine_ == "fused"
    assert (weights(ours) == weights(theirs)).all()
    again = pickle.loads(pickle.dumps(ours))
    assert (again.predict(X_iris) == ours.predict(X_iris)).all()


@pytest.mark.parametrize(
    "kind",
    [
        functools.partial(GridSearchCV, n_values=2),
        functools.partial(RandomizedSearchCV, n_iter=2, random_state=0),
        functools.partial(BayesSearchCV, n_iter=2, random_state=0),
        functools.partial(FreezeThawSearchCV, n_iter=1, random_state=0),
        functools.partial(HyperbandSearchCV, max_epochs=3, random_state=0),
    ],
)
def test_every_search_knows_the_space(kind):
    pipeline = make_pipeline(StandardScaler(), classifier())
    search = kind(pipeline, cv=2).fit(X_iris, y_iris)
    names = {"kerasclassifier__units", "kerasclassifier__learning_rate"}
    assert set(search.best_params_) == names
    assert all(set(params) == names for params in search.cv_results_["params"])
    assert search.best_estimator_[-1].get_params()["units"] in (4, 8, 12, 16)


def test_branches_in_a_search():
    search = RandomizedSearchCV(classifier(several_layers), n_iter=6, cv=2, random_state=0)
    search.fit(X_iris, y_iris)
    for params in search.cv_results_["params"]:
        assert sum(name.startswith("layer_") for name in params) == params["layers"]
        assert ("rate" in params) == params["dropout"]
    best = search.best_estimator_.model_
    n_layers = search.best_params_["layers"] + 1 + search.best_params_["dropout"]
    assert len(best.layers) == n_layers


def test_a_space_that_is_given_counts():
    space = {"units": Integer(20, 30)}
    search = BayesSearchCV(classifier(), space, n_iter=1, cv=2, random_state=0)
    assert search.fit(X_iris, y_iris).best_params_["units"] >= 20
    assert BayesSearchCV(classifier(), n_iter=3).total_iterations == 3


def test_resume(tmp_path, monkeypatch):
    def search():
        return RandomizedSearchCV(
            classifier(),
            n_iter=2,
            cv=2,
            random_state=0,
            storage=tmp_path / "search.db",
        )

    first = search().fit(X_iris, y_iris)

    def evaluated(*args):
        raise AssertionError("evaluated again")

    monkeypatch.setattr(Search, "_keep", evaluated)
    again = search().fit(X_iris, y_iris)
    assert again.best_params_ == first.best_params_
    loaded = load_search(tmp_path / "search.db")
    assert loaded.best_params_ == first.best_params_


def test_worker_processes():
    def local(hp):
        return one_layer(hp)

    search = BayesSearchCV(classifier(local), n_iter=2, cv=2, n_jobs=2, random_state=0)
    search.fit(X_iris, y_iris)
    assert "units" in search.best_params_


def test_how_a_function_is_recognised():
    class HyperParameters:
        pass

    def by_annotation(options: HyperParameters):
        return options.Int("units", 4, 16)

    def by_text(options: "kt.HyperParameters"):  # noqa: F821
        return options.Int("units", 4, 16)

    def with_more(hp, units_of_output=3):
        return hp.Int("units", 4, 16)

    class Builder:
        def build(self, hp):
            return hp.Int("units", 4, 16)

    partial = functools.partial(with_more, units_of_output=3)
    for function in (by_annotation, by_text, with_more, Builder().build, partial):
        assert classifier(function).declared_space().names == ["units"]
    assert classifier(with_more).get_params()["units_of_output"] == 3

    def second(units, hp=3):
        return None

    assert classifier(second).declared_space() is None
    assert KerasClassifier(keras.Sequential()).declared_space() is None


def by_width(hp):
    model = keras.Sequential([keras.Input((4,))])
    model.add(layers.Dense(hp["width"]))
    return compiled(model, 0.01)


@pytest.mark.parametrize("name", ["hp", "model__hp"])
def test_an_hp_that_has_a_value_declares_nothing(name):
    estimator = clone(classifier(by_width, **{name: {"width": 8}}))
    assert estimator.declared_space() is None
    assert estimator.get_params()[name] == {"width": 8}
    assert estimator.fit(X_iris, y_iris).model_.layers[0].units == 8
    set_later = classifier(by_width).set_params(**{name: {"width": 9}})
    assert clone(set_later).fit(X_iris, y_iris).model_.layers[0].units == 9
    grid = {name: [{"width": 5}]}
    search = GridSearchCV(estimator, grid, cv=2).fit(X_iris, y_iris)
    assert search.best_params_ == {name: {"width": 5}}
    with pytest.raises(DeclarationError, match="pass a value to the estimator, as in hp="):
        classifier(by_width).get_params()


def test_an_hp_beside_meta_or_with_a_default_declares_nothing():
    def with_default(hp=8):
        return by_width({"width": hp})

    def with_meta(hp, meta):
        return by_width({"width": hp * meta["n_features_in_"]})

    assert classifier(with_default).declared_space() is None
    assert classifier(with_default).get_params()["hp"] == 8
    fitted = classifier(with_default, hp=7).fit(X_iris, y_iris)
    assert fitted.model_.layers[0].units == 7
    fitted = classifier(with_meta, model__hp=2).fit(X_iris, y_iris)
    assert fitted.model_.layers[0].units == 8


class OfItsOwn(KerasClassifier):
    n_calls = 0

    def __init__(self, most=8, **kwargs):
        super().__init__(**kwargs)
        self.most = most

    def _keras_build_fn(self, hp):
        type(self).n_calls += 1
        model = keras.Sequential([keras.Input((4,))])
        model.add(layers.Dense(hp.Int("units", 4, self.most), activation="relu"))
        model.add(layers.Dense(3, activation="softmax"))
        model.compile(self.optimizer, "sparse_categorical_crossentropy")
        return model


def test_the_method_of_a_subclass():
    estimator = clone(OfItsOwn(**QUIET))
    n_calls = OfItsOwn.n_calls
    assert estimator.declared_space() == Space({"units": Integer(4, 8)})
    again = pickle.loads(pickle.dumps(clone(estimator)))
    assert again.get_params()["units"] == 4
    assert OfItsOwn.n_calls == n_calls
    search = RandomizedSearchCV(estimator, n_iter=2, cv=2, random_state=0)
    best = search.fit(X_iris, y_iris).best_estimator_
    assert best.model_.layers[0].units == search.best_params_["units"]
    estimator.set_params(most=9)
    assert clone(estimator).declared_space() == Space({"units": Integer(4, 9)})


def test_names_that_the_estimator_has():
    def function(hp):
        hp.Choice("optimizer", ["sgd", "adam"])
        hp.Int("epochs", 3, 5)
        return one_layer(hp)

    estimator = KerasClassifier(function, verbose=0, random_state=0)
    params = estimator.get_params()
    assert (params["optimizer"], params["epochs"]) == ("sgd", 3)
    assert len(estimator.fit(X_iris, y_iris).history_["loss"]) == 3
    assert (
        len(clone(estimator).set_params(epochs=4).fit(X_iris, y_iris).history_["loss"]) == 4
    )


def with_meta(hp, meta):
    return one_layer(hp)


def with_a_required_argument(hp, n_classes):
    return one_layer(hp)


def with_other_bounds(hp):
    hp.Int("n", 1, 3 if hp.Boolean("small") else 9)
    return one_layer(hp)


def with_a_reserved_name(hp):
    hp.Choice("model", ["mlp"])
    return one_layer(hp)


def with_a_routed_name(hp):
    hp.Float("optimizer__learning_rate", 0, 1)
    return one_layer(hp)


def that_fails(hp):
    raise ArithmeticError("no model")


def that_is_wrong(hp):
    return one_layer(hp) if hp.Int("n", 5, 1) else None


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (with_meta, TypeError, "meta is not known yet. Either remove meta"),
        (with_a_required_argument, TypeError, "functools.partial.*n_classes="),
        (
            with_other_bounds,
            DeclarationError,
            "'n' is declared twice with different values",
        ),
        (with_a_reserved_name, DeclarationError, "'model', which is also.*'model_type'"),
        (
            with_a_routed_name,
            DeclarationError,
            "another name, such as 'optimizer_learning_rate'",
        ),
        (that_fails, DeclarationError, "raised ArithmeticError: no model"),
        (that_is_wrong, DeclarationError, "min_value=5 is greater than max_value=1"),
    ],
)
def test_wrong_functions(function, error, message):
    with pytest.raises(error, match=message):
        BayesSearchCV(KerasClassifier(function, verbose=0)).fit(X_iris, y_iris)


def test_no_space_at_all():
    def plain(units=3):
        return None

    searches = [
        GridSearchCV(KerasClassifier(plain)),
        RandomizedSearchCV(KerasClassifier(plain)),
        BayesSearchCV(KerasClassifier(plain)),
        FreezeThawSearchCV(KerasClassifier(plain)),
        HyperbandSearchCV(KerasClassifier(plain)),
    ]
    for search in searches:
        with pytest.raises(ValueError, match=r"is missing\. Give .* build_model\(hp\)"):
            search.fit(X_iris, y_iris)


def test_a_grid_that_is_too_large():
    def function(hp):
        for i in range(30):
            hp.Boolean(f"flag_{i}")
        return one_layer(hp)

    with pytest.raises(ValueError, match=r"more than 1048576.* BayesSearchCV"):
        GridSearchCV(KerasClassifier(function, verbose=0)).fit(X_iris, y_iris)
