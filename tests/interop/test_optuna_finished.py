import warnings

import matplotlib
import numpy as np
import optuna
import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingRandomSearchCV, RandomizedSearchCV
from sklearn.svm import SVC

from skkeras_search import BayesSearchCV, FreezeThawSearchCV, Real, load_search
from skkeras_search import RandomizedSearchCV as OurRandomizedSearchCV
from skkeras_search.interop.optuna import OptunaSearchCV, to_study

matplotlib.use("Agg")
X, y = load_iris(return_X_y=True)


def product(a, b):
    return a @ b.T


# Fits with a negative C fail.
SPACE = {
    "C": (-20.0, 100.0),
    "kernel": ["linear", "rbf", product],
    "gamma": Real(1e-3, 1, when={"kernel": "rbf"}),
    "shrinking": [True, False],
}
TWO = {"scoring": ["accuracy", "f1_macro"], "refit": "f1_macro"}


def fitted(search):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return search.fit(X, y)


@pytest.fixture(scope="module")
def bayes(tmp_path_factory):
    storage = tmp_path_factory.mktemp("stored") / "search.db"
    return fitted(
        BayesSearchCV(SVC(), SPACE, n_iter=14, cv=3, random_state=0, storage=storage)
    )


@pytest.fixture(scope="module")
def freeze_thaw():
    return fitted(FreezeThawSearchCV(SVC(), SPACE, n_iter=6, cv=3, random_state=0, **TWO))


def test_trials_are_the_candidates(bayes):
    study, results = to_study(bayes), bayes.cv_results_
    assert study.best_value == bayes.best_score_
    assert {"C": bayes.best_params_["C"]}.items() <= study.best_params.items()
    assert any(trial.state == TrialState.FAIL for trial in study.trials)
    for trial, score, params, error in zip(
        study.trials,
        results["mean_test_score"],
        results["params"],
        results["error"],
        strict=True,
    ):
        assert (
            (trial.state == TrialState.FAIL)
            == np.isnan(score)
            == ("error" in trial.user_attrs)
        )
        assert trial.user_attrs.get("error") == error
        assert trial.params.keys() == params.keys()
        assert trial.params["kernel"] == getattr(
            params["kernel"], "__name__", params["kernel"]
        )
        assert list(trial.intermediate_values) == [0] or trial.state == TrialState.FAIL


def test_times_are_those_of_the_timeline(bayes):
    timeline = bayes.timeline_.query("candidate == 3")
    trial = to_study(bayes).trials[3]
    assert trial.datetime_start.timestamp() == pytest.approx(
        timeline["begun"].min(), abs=1e-5
    )
    assert trial.datetime_complete.timestamp() == pytest.approx(
        timeline["ended"].max(), abs=1e-5
    )


def test_frozen_candidates_are_pruned(freeze_thaw):
    study, status = to_study(freeze_thaw), freeze_thaw.cv_results_["status"]
    named = {"finished": "COMPLETE", "frozen": "PRUNED", "failed": "FAIL"}
    assert [trial.state.name for trial in study.trials] == [named[one] for one in status]
    assert study.best_value == freeze_thaw.best_score_


def values_of_pruned(study):
    return [trial.value for trial in study.trials if trial.state == TrialState.PRUNED]


def test_values_of_pruned_trials_are_of_the_metric(freeze_thaw):
    own = values_of_pruned(to_study(freeze_thaw, metric="f1_macro"))
    assert own
    assert own == values_of_pruned(to_study(freeze_thaw))
    assert None not in own
    other = to_study(freeze_thaw, metric="accuracy")
    assert set(values_of_pruned(other)) == {None}
    assert not any(trial.intermediate_values for trial in other.trials)


def test_several_metrics_are_several_objectives(freeze_thaw):
    study = to_study(freeze_thaw, metric=["accuracy", "f1_macro"])
    assert len(study.directions) == 2
    (best,) = {tuple(trial.values) for trial in study.best_trials}
    assert best[1] == freeze_thaw.best_score_
    assert to_study(freeze_thaw, metric="accuracy").best_value == best[0]


SINGLE = [
    "plot_contour",
    "plot_edf",
    "plot_intermediate_values",
    "plot_optimization_history",
    "plot_parallel_coordinate",
    "plot_param_importances",
    "plot_rank",
    "plot_slice",
    "plot_timeline",
]


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize("backend", ["plotly", "matplotlib"])
def test_plots(backend, name, bayes, freeze_thaw):
    pytest.importorskip(backend)
    draw = getattr(
        optuna.visualization if backend == "plotly" else optuna.visualization.matplotlib,
        name,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for search in (bayes, freeze_thaw):
            drawn = draw(to_study(search))
            if backend == "plotly":
                assert drawn.data
                drawn.to_json()
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize("backend", ["plotly", "matplotlib"])
def test_plots_of_several_objectives(backend, freeze_thaw):
    pytest.importorskip(backend)
    module = (
        optuna.visualization if backend == "plotly" else optuna.visualization.matplotlib
    )
    study = to_study(freeze_thaw, metric=["accuracy", "f1_macro"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module.plot_pareto_front(study)
        module.plot_hypervolume_history(study, reference_point=[0, 0])
    matplotlib.pyplot.close("all")


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(
            SVC(),
            [{"C": [1, 10.0], "kernel": ["rbf"]}, {"kernel": ["linear", product]}],
            cv=3,
        ),
        RandomizedSearchCV(
            SVC(), {"C": loguniform(1e-3, 1e3)}, n_iter=4, cv=3, random_state=0
        ),
        OurRandomizedSearchCV(
            SVC(), {"C": loguniform(1e-3, 1e3)}, n_iter=4, cv=3, random_state=0
        ),
        HalvingRandomSearchCV(
            SVC(), {"C": loguniform(1e-3, 1e3)}, cv=3, random_state=0, min_resources=30
        ),
        OptunaSearchCV(SVC(), SPACE, n_iter=4, cv=3, random_state=0),
        BayesSearchCV(
            SVC(), [({"C": (1.0, 2.0)}, 2), ({"C": (5.0, 9.0)}, 2)], cv=3, random_state=0
        ),
    ],
    ids=lambda search: type(search).__name__,
)
def test_any_search(search):
    search = fitted(search)
    study = to_study(search)
    assert len(study.trials) == len(search.cv_results_["params"])
    assert study.best_value == search.cv_results_["mean_test_score"].max()
    assert all(trial.duration.total_seconds() >= 0 for trial in study.trials)


def test_distributions_are_those_of_the_search():
    search = fitted(
        RandomizedSearchCV(
            SVC(), {"C": loguniform(1e-3, 1e3)}, n_iter=3, cv=3, random_state=0
        )
    )
    (trial, *_) = to_study(search).trials
    low_and_high = trial.distributions["C"].low, trial.distributions["C"].high
    assert low_and_high == pytest.approx((1e-3, 1e3))
    assert trial.distributions["C"].log


def test_lists_of_numbers_have_a_scale():
    grid = {
        "C": np.logspace(-2, 2, 3),
        "gamma": (0.1, 0.3),
        "degree": [2, 3],
        "tol": [1e-3],
        "kernel": ["rbf", "linear"],
        "shrinking": [True, False],
    }
    (trial, *_) = to_study(fitted(GridSearchCV(SVC(), grid, cv=2))).trials
    assert trial.distributions == {
        "C": FloatDistribution(0.01, 100.0, log=True),
        "gamma": FloatDistribution(0.1, 0.3),
        "degree": IntDistribution(2, 3),
        "tol": CategoricalDistribution((1e-3,)),
        "kernel": CategoricalDistribution(("rbf", "linear")),
        "shrinking": CategoricalDistribution((True, False)),
    }


def test_loaded_search(bayes):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "One or more of the test scores")
        study = to_study(load_search(bayes.storage))
    assert [t.values for t in study.trials] == [t.values for t in to_study(bayes).trials]


def test_study_may_be_stored_and_optimised_further(bayes, tmp_path):
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    to_study(bayes, storage=storage, study_name="mine")
    study = optuna.load_study(study_name="mine", storage=storage)
    study.optimize(lambda trial: trial.suggest_float("C", -20.0, 100.0), n_trials=1)
    assert len(study.trials) == 15
    with pytest.raises(ValueError, match="has a study with the name 'mine'"):
        to_study(bayes, storage=storage, study_name="mine")


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"metric": "scor"}, r"metric='scor' is not a metric.*'score'"),
        ({"metric": []}, "metric is empty"),
        ({"metric": ["score", "accuracy"]}, "metric='accuracy'"),
        ({"curve": "val_loss"}, r"curve='val_loss' is not a column"),
    ],
)
def test_bad_input(kwargs, message, bayes):
    with pytest.raises(ValueError, match=message):
        to_study(bayes, **kwargs)


def test_what_is_no_fitted_search():
    with pytest.raises(NotFittedError):
        to_study(GridSearchCV(SVC(), {"C": [1]}))
    with pytest.raises(TypeError, match="fitted search"):
        to_study({"C": [1]})
    with pytest.raises(TypeError, match="fitted search"):
        to_study(SVC().fit(X, y))
