import keras
import numpy as np
import pytest
from optuna.pruners import MedianPruner, SuccessiveHalvingPruner
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import KerasClassifier
from skkeras_search.interop.optuna import OptunaSearchCV, to_study
from tests.interop.build_functions import one_layer

X, y = load_iris(return_X_y=True)


def build(rate=1e-3):
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


def searched(n_iter, **kwargs):
    classifier = KerasClassifier(build, epochs=9, random_state=0, verbose=0)
    pipeline = make_pipeline(StandardScaler(), classifier)
    space = {"kerasclassifier__rate": (1e-5, 1.0, "log-uniform")}
    kwargs = {
        "pruner": MedianPruner(n_startup_trials=2),
        "cv": 2,
        "random_state": 0,
        **kwargs,
    }
    return OptunaSearchCV(pipeline, space, n_iter=n_iter, n_points=1, **kwargs).fit(X, y)


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    return f"sqlite:///{tmp_path_factory.mktemp('optuna') / 'study.db'}"


@pytest.fixture(scope="module")
def search(url):
    return searched(8, storage=url, study_name="keras")


def test_steps_are_epochs(search):
    assert list(search.study_.best_trial.intermediate_values) == [1, 3, 9]
    assert set(search.cv_results_["mean_n_epochs"]) <= {1, 3, 9}
    assert search.best_n_epochs_ == 9


def test_pruned_candidates_are_not_trained_on(search):
    pruned = np.array([trial.state.name == "PRUNED" for trial in search.study_.trials])
    assert pruned.any()
    assert (search.cv_results_["mean_n_epochs"][pruned] < 9).all()
    assert (search.cv_results_["mean_n_epochs"][~pruned] == 9).all()


def test_candidates_that_go_on_are_what_they_would_have_become(search):
    whole = searched(1, rungs=[(2, 1.0)])
    assert search.cv_results_["params"][0] == whole.cv_results_["params"][0]
    assert (
        search.cv_results_["mean_test_score"][0] == whole.cv_results_["mean_test_score"][0]
    )


def test_curves_come_back_from_the_study(search, url):
    again = searched(8, storage=url, study_name="keras")
    assert again.learning_curves_.equals(search.learning_curves_)
    assert again.timeline_.equals(search.timeline_)


def test_steps_without_a_common_number_of_epochs_are_percent():
    classifier = KerasClassifier(build, random_state=0, verbose=0)
    pruner = SuccessiveHalvingPruner(min_resource=10)
    search = OptunaSearchCV(classifier, {"epochs": [4, 8]}, n_iter=2, cv=2, pruner=pruner)
    search.fit(X, y)
    assert list(search.study_.best_trial.intermediate_values) == [11, 33, 100]


def test_curves_are_intermediate_values(search):
    by_epoch = to_study(search, curve="loss").best_trial.intermediate_values
    assert list(by_epoch) == list(range(1, 10))
    own = to_study(search).best_trial.intermediate_values
    assert own == pytest.approx(search.study_.best_trial.intermediate_values)


def test_a_curve_is_not_the_value_of_pruned_trials(search):
    studies = to_study(search), to_study(search, curve="loss")
    own, with_losses = ([trial.value for trial in study.trials] for study in studies)
    assert own == with_losses


def test_a_build_function_declares_the_space(tmp_path):
    classifier = KerasClassifier(one_layer, epochs=1, random_state=0, verbose=0)
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    for n_iter in (1, 2):
        search = OptunaSearchCV(
            classifier, n_iter=n_iter, cv=2, storage=storage, study_name="declared"
        ).fit(X, y)
    assert len(search.study_.trials) == 2
    assert search.best_params_.keys() == {"units", "learning_rate"}
