import json
import os
import pickle
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from optuna.pruners import MedianPruner, ThresholdPruner, WilcoxonPruner
from optuna.samplers import GridSampler, RandomSampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from skkeras_search import Categorical, Real, TimeBudget
from skkeras_search.interop.optuna import BayesianOptunaSampler, OptunaSearchCV
from tests.interop import optuna_script, postgres

X, y = load_iris(return_X_y=True)
SPACE = {
    "C": (1e-3, 1e3, "log-uniform"),
    "kernel": ["linear", "rbf"],
    "gamma": Real(1e-3, 1, when={"kernel": "rbf"}),
}


def linear(a, b):
    return a @ b.T


def searched(space=SPACE, estimator=None, n_iter=6, **kwargs):
    kwargs = {"cv": 3, "random_state": 0, "sampler": None, **kwargs}
    search = OptunaSearchCV(estimator or SVC(), space, n_iter=n_iter, **kwargs)
    return search.fit(X, y)


def states(study):
    return [trial.state for trial in study.trials]


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'study.db'}"


class Fussy(ClassifierMixin, BaseEstimator):
    """Fails, or has a score that is no number, where it is told so."""

    def __init__(self, level=0.0, broken=False):
        self.level, self.broken = level, broken

    def fit(self, X, y):
        if self.broken == "fit":
            raise RuntimeError("broken on purpose")
        self.classes_ = np.unique(y)
        return self

    def score(self, X, y):
        return np.nan if self.broken == "score" else self.level


def test_study_and_results_say_the_same():
    search = searched()
    study, results = search.study_, search.cv_results_
    assert study.best_value == search.best_score_
    assert study.best_params == search.best_params_
    assert [trial.params for trial in study.trials] == results["params"]
    assert [trial.value for trial in study.trials] == list(results["mean_test_score"])
    for trial, *scores in zip(
        study.trials, *(results[f"split{k}_test_score"] for k in range(3)), strict=True
    ):
        assert list(trial.user_attrs["fold_scores"].values()) == scores
    assert len(search.learning_curves_) == len(search.timeline_) == 18


def test_conditional_parameters_are_asked_where_they_are_set():
    for params in searched(n_iter=10).cv_results_["params"]:
        assert ("gamma" in params) == (params["kernel"] == "rbf")


def test_same_seed_same_search():
    first, second = searched(), searched()
    assert first.cv_results_["params"] == second.cv_results_["params"]


def test_given_sampler_is_not_changed():
    sampler = RandomSampler(seed=3)
    first, second = searched(sampler=sampler), searched(sampler=sampler)
    assert first.cv_results_["params"] == second.cv_results_["params"]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_trials_may_run_at_a_time(n_jobs):
    search = searched(n_iter=7, n_points=3, n_jobs=n_jobs)
    assert states(search.study_) == [TrialState.COMPLETE] * 7
    assert list(search.cv_results_["trial"]) == list(range(7))


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_objects_come_back_from_a_storage(kind, url, tmp_path):
    space = {
        "clf__kernel": ["rbf", linear],
        "clf__class_weight": [None, {0: 1, 1: 2, 2: 1}],
        "scale": [StandardScaler(), MinMaxScaler((0, 2)), "passthrough"],
        "scale__feature_range": Categorical(
            [(0, 1), (-1, 1)], when={"scale": [MinMaxScaler((0, 2))]}
        ),
        "clf__shrinking": [True, False],
        "clf__C": [1, 1.5, 2],
    }
    journal = JournalFileBackend(str(tmp_path / "journal.log"))
    storage = url if kind == "sqlite" else JournalStorage(journal)
    pipeline = Pipeline([("scale", "passthrough"), ("clf", SVC())])
    kwargs = {"estimator": pipeline, "storage": storage, "study_name": "objects"}
    first = searched(space, n_iter=8, **kwargs)
    again = searched(space, n_iter=8, **kwargs)
    for one, other in zip(
        first.cv_results_["params"], again.cv_results_["params"], strict=True
    ):
        assert one.keys() == other.keys()
        for name, value in one.items():
            choices = (
                space[name].categories if name == "scale__feature_range" else space[name]
            )
            assert type(other[name]) is type(value)
            assert str(other[name]) == str(value)
            assert (
                any(other[name] is choice for choice in choices)
                or name == "scale__feature_range"
            )


def test_study_goes_on_until_it_has_n_iter(url):
    kwargs = {"storage": url, "study_name": "one", "sampler": RandomSampler(seed=1)}
    first = searched(n_iter=4, **kwargs)
    more = searched(n_iter=6, **kwargs)
    assert len(more.study_.trials) == 6
    for name in ("params", "mean_test_score", "split1_test_score", "mean_fit_time"):
        assert list(more.cv_results_[name][:4]) == list(first.cv_results_[name])
    seen = more.learning_curves_.query("candidate < 4")
    assert seen.equals(first.learning_curves_)
    # There are enough.
    assert len(searched(n_iter=5, **kwargs).study_.trials) == 6


def values_of_C(trials):
    return [trial.params["C"] for trial in trials]


@pytest.mark.parametrize("sampler", [None, RandomSampler(seed=0)])
def test_a_fit_that_goes_on_proposes_other_candidates(sampler, url):
    kwargs = {"storage": url, "study_name": "one", "sampler": sampler}
    searched(n_iter=3, **kwargs)
    assert len(set(values_of_C(searched(n_iter=6, **kwargs).study_.trials))) == 6


@pytest.mark.parametrize("sampler", [None, RandomSampler(seed=0)])
def test_processes_with_one_seed_propose_other_candidates(sampler, url):
    alone = searched(n_iter=3, sampler=sampler)
    study = optuna.create_study(storage=url, study_name="one", direction="maximize")
    study.ask().set_user_attr("worker", "elsewhere:1")  # another process was first
    second = searched(n_iter=4, sampler=sampler, storage=url, study_name="one")
    own = values_of_C(second.study_.trials[1:])
    assert len(set(own + values_of_C(alone.study_.trials))) == 6


def test_a_fit_that_goes_on_can_be_repeated(tmp_path):
    found = []
    for name in "ab":
        kwargs = {"storage": f"sqlite:///{tmp_path / name}", "study_name": "one"}
        searched(n_iter=2, **kwargs)
        found.append(searched(n_iter=4, **kwargs).cv_results_["params"])
    assert found[0] == found[1]


def test_the_sampler_of_a_given_study_goes_on():
    studies = []
    for numbers in ([4], [2, 4]):
        sampler = RandomSampler(seed=0)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for n_iter in numbers:
            searched(n_iter=n_iter, study=study)
        studies.append(study)
    assert values_of_C(studies[0].trials) == values_of_C(studies[1].trials)


def test_study_is_continued_only_with_the_same_data_and_folds(url):
    kwargs = {"storage": url, "study_name": "one"}
    searched(**kwargs)
    with pytest.raises(ValueError, match=r"folds of cv is 5 folds"):
        searched(cv=5, **kwargs)
    with pytest.raises(ValueError, match=r"estimator__tol is 0\.1, and was 0\.001"):
        searched(estimator=SVC(tol=0.1), **kwargs)
    with pytest.raises(ValueError, match="scoring is 'f1_macro'"):
        searched(scoring="f1_macro", **kwargs)
    shuffled = KFold(3, shuffle=True)
    searched(cv=shuffled, storage=url, study_name="shuffled")
    with pytest.raises(ValueError, match="folds of cv"):
        searched(cv=shuffled, storage=url, study_name="shuffled")


def test_failures_are_trials_that_failed():
    space = {"broken": [False, "fit", "score"]}
    with pytest.warns(Warning, match=r"fits failed|not a number|non-finite"):
        search = searched(space, Fussy(), 9, sampler=GridSampler(space))
    assert len(search.study_.trials) == 3
    for trial, error in zip(search.study_.trials, search.cv_results_["error"], strict=True):
        if trial.params["broken"]:
            assert trial.state == TrialState.FAIL
            text = "broken on purpose" if trial.params["broken"] == "fit" else "nan"
            assert text in trial.user_attrs["error"]
            assert trial.user_attrs["error"] == error
        else:
            assert trial.state == TrialState.COMPLETE
    assert search.best_params_ == {"broken": False}


def test_all_failed_is_an_error_and_not_the_defaults():
    with pytest.raises(ValueError, match="broken on purpose"):
        searched({"level": (0.0, 1.0)}, Fussy(broken="fit"))


def test_an_error_leaves_no_trial_running():
    study = optuna.create_study(direction="maximize")
    with pytest.raises(RuntimeError, match="broken on purpose"):
        searched(
            {"level": (0.0, 1.0)}, Fussy(broken="fit"), study=study, error_score="raise"
        )
    assert states(study) == [TrialState.FAIL]
    # It does not count.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="another search"):
            searched({"level": (0.0, 1.0)}, Fussy(), 2, study=study)


def test_pruned_trials_are_frozen_candidates():
    search = searched(
        {"level": (0.0, 1.0)},
        Fussy(),
        20,
        pruner=MedianPruner(n_startup_trials=2),
        sampler=RandomSampler(seed=0),
    )
    pruned = np.array(states(search.study_)) == TrialState.PRUNED
    assert 0 < pruned.sum() < 20
    assert list(search.cv_results_["status"] == "frozen") == list(pruned)
    assert np.isnan(search.cv_results_["mean_test_score"][pruned]).all()
    assert search.best_params_ == search.study_.best_params
    assert list(search.study_.best_trial.intermediate_values) == [1, 2, 3]


def test_pruned_and_failed_candidates_come_back(url):
    kwargs = {
        "storage": url,
        "study_name": "one",
        "pruner": MedianPruner(n_startup_trials=2),
    }
    space = {"level": (0.0, 1.0), "broken": Categorical([False, False, False, "fit"])}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = searched(space, Fussy(), 15, **kwargs)
        again = searched(space, Fussy(), 15, **kwargs)
    assert set(first.cv_results_["status"]) == {"finished", "frozen", "failed"}
    for name in ("status", "error", "n_resources", "rank_test_score"):
        assert list(first.cv_results_[name]) == list(again.cv_results_[name])


def test_all_pruned_is_an_error_with_results():
    search = OptunaSearchCV(
        Fussy(), {"level": (0.0, 1.0)}, n_iter=3, cv=3, pruner=ThresholdPruner(lower=2)
    )
    with pytest.raises(ValueError, match="ThresholdPruner has pruned all"):
        search.fit(X, y)
    assert list(search.cv_results_["status"]) == ["frozen"] * 3


def wilcoxon():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return WilcoxonPruner()


def test_wilcoxon_pruner_gets_the_scores_of_folds():
    search = searched(pruner=wilcoxon(), cv=4)
    trial = search.study_.best_trial
    assert list(trial.intermediate_values.values()) == list(
        trial.user_attrs["fold_scores"].values()
    )
    with pytest.raises(ValueError, match="shares of rungs must be 1"):
        searched(pruner=wilcoxon(), rungs=[(3, 0.5), (3, 1.0)])


def test_grid_sampler_ends_the_search():
    sampler = GridSampler({"C": [1.0, 10.0], "kernel": ["linear"]})
    search = searched(
        {"C": (0.5, 100.0), "kernel": ["linear", "rbf"]}, sampler=sampler, n_iter=50
    )
    assert sorted(params["C"] for params in search.cv_results_["params"]) == [1.0, 10.0]


def test_enqueued_trials_come_first():
    study = optuna.create_study(direction="maximize")
    study.enqueue_trial({"C": 7.0, "kernel": "linear"})
    assert searched(study=study).cv_results_["params"][0] == {"C": 7.0, "kernel": "linear"}


def test_a_study_has_trials_of_others():
    study = optuna.create_study(direction="maximize")
    study.optimize(lambda trial: trial.suggest_float("C", 1e-3, 1e3, log=True), n_trials=2)
    search = searched(study=study, n_iter=3)
    assert len(study.trials) == 5
    assert list(search.cv_results_["trial"]) == [2, 3, 4]


def test_several_metrics_and_repeats():
    search = searched(scoring=["accuracy", "f1_macro"], refit="f1_macro", n_repeats=2)
    assert search.study_.best_value == search.cv_results_["mean_test_f1_macro"].max()
    assert "mean_test_accuracy" in search.cv_results_


def test_clone_pickle_and_nesting():
    search = searched(study=optuna.create_study(direction="maximize"), n_iter=3)
    again = pickle.loads(pickle.dumps(search))
    assert (again.predict(X) == search.predict(X)).all()
    assert len(again.study_.trials) == 3
    nested = OptunaSearchCV(SVC(), SPACE, n_iter=2, cv=2, random_state=0)
    assert cross_val_score(nested, X, y, cv=2).mean() > 0.5
    grid = GridSearchCV(clone(nested), {"n_iter": [1, 2]}, cv=2).fit(X, y)
    assert grid.best_estimator_.study_.trials


def test_a_callback_may_stop_it():
    search = OptunaSearchCV(SVC(), SPACE, n_iter=500, cv=3, random_state=0)
    search.set_callbacks(TimeBudget(1e-6)).fit(X, y)
    assert states(search.study_)[0] == TrialState.COMPLETE
    assert len(search.study_.trials) < 500


def test_names_may_have_any_characters():
    class Odd(Fussy):
        def __init__(self, **params):
            self.params = params
            super().__init__()

        def get_params(self, deep=True):
            return {"a b": 0, "ä.%s'\"{": 0, **self.params}

        def set_params(self, **params):
            self.params = {**self.params, **params}
            return self

    search = OptunaSearchCV(
        Odd(), {"a b": (0, 5), "ä.%s'\"{": [1, "x"]}, n_iter=3, cv=2, refit=False
    )
    search.fit(X, y)
    assert set(search.study_.best_params) == {"a b", "ä.%s'\"{"}


def study_of(direction="maximize", objective=None):
    study = optuna.create_study(
        **(
            {"direction": direction}
            if isinstance(direction, str)
            else {"directions": direction}
        )
    )
    if objective:
        study.optimize(objective, n_trials=1)
    return study


def waiting(**params):
    study = study_of()
    study.enqueue_trial(params)
    return study


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"study": study_of("minimize")}, r"minimizes.*direction='maximize'"),
        ({"study": study_of(["maximize", "maximize"])}, "2 objectives"),
        (
            {"study": study_of(objective=lambda t: t.suggest_float("c", 0, 1))},
            r"'c', which is not in search_spaces.*'C'",
        ),
        (
            {"study": study_of(objective=lambda t: t.suggest_int("C", 0, 1))},
            r"'C' from IntDistribution.*has FloatDistribution",
        ),
        (
            {
                "study": study_of(
                    objective=lambda t: t.suggest_categorical("kernel", ["x", "y"]) == "z"
                )
            },
            r"'kernel' from Categorical",
        ),
        ({"study": waiting(C=-1.0)}, r"C=-1.0 is enqueued.*not in Float"),
        ({"study": waiting(kernel="poly")}, r"kernel='poly' is enqueued"),
        ({"study": waiting(gama=1.0)}, r"'gama' is enqueued.*'gamma'"),
        (
            {"study": study_of(), "sampler": RandomSampler()},
            "sampler and study cannot both",
        ),
        ({"study": study_of(), "study_name": "x"}, "study_name and study cannot both"),
        ({"study": "sqlite:///x.db"}, "'study' parameter"),
        ({"storage": "x.db"}, r"must be a URL, such as 'sqlite:///x.db'"),
        ({"sampler": "tpe"}, "'sampler' parameter"),
        ({"pruner": RandomSampler()}, "'pruner' parameter"),
        ({"n_iter": 0}, "'n_iter' parameter"),
        ({"rungs": [(3, 0.5)]}, r"last of rungs must be \(3, 1.0\)"),
        ({"max_epochs": 5}, "max_epochs=5 has no meaning"),
        ({"space": {"D": (0.0, 1.0)}}, "'D' is not a parameter of SVC"),
        ({"space": {}}, "search_spaces is empty"),
    ],
)
def test_bad_input(kwargs, message):
    with pytest.raises((ValueError, TypeError), match=message):
        searched(**{"space": SPACE, **kwargs})


def test_priors_have_no_effect():
    with pytest.warns(UserWarning, match="prior of 'kernel' has no effect"):
        searched({"kernel": Categorical(["rbf", "linear"], prior=[0.9, 0.1])}, n_iter=1)


def test_trials_of_a_process_that_is_gone_do_not_count(url):
    child = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        text=True,
    )
    host = os.uname().nodename
    study = optuna.create_study(storage=url, study_name="one", direction="maximize")
    study.ask().set_user_attr("worker", f"{host}:{child.stdout.strip()}")
    search = searched(storage=url, study_name="one", n_iter=2)
    assert states(search.study_) == [
        TrialState.FAIL,
        TrialState.COMPLETE,
        TrialState.COMPLETE,
    ]
    assert list(search.cv_results_["trial"]) == [1, 2]


def test_no_process_gets_a_signal_on_windows(url, monkeypatch):
    study = optuna.create_study(storage=url, study_name="one", direction="maximize")
    study.ask().set_user_attr("worker", f"{socket.gethostname()}:{os.getpid()}")
    signals = []
    windows = SimpleNamespace(
        name="nt", getpid=os.getpid, kill=lambda *args: signals.append(args)
    )
    monkeypatch.setattr("skkeras_search.interop.optuna.trials.os", windows)
    search = searched(storage=url, study_name="one", n_iter=2)
    assert not signals
    assert states(search.study_) == [TrialState.RUNNING, TrialState.COMPLETE]


def test_our_sampler_proposes_too():
    search = searched(sampler=BayesianOptunaSampler(seed=0), n_iter=8)
    assert search.best_score_ > 0.9


def share(url, n_iter=12, n_processes=2):
    script = [sys.executable, "-m", "tests.interop.optuna_script", url, str(n_iter)]
    running = [
        subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(n_processes)
    ]
    assert [process.stdout.readline() for process in running] == ["ready\n"] * n_processes
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.wait(timeout=120) for process in running] == [0] * n_processes
    return optuna.load_study(study_name="shared", storage=url)


@pytest.mark.skipif(not postgres.INSTALLED, reason="PostgreSQL is not installed")
def test_processes_share_a_study_in_postgresql():
    pytest.importorskip("psycopg2")
    with postgres.server() as url:
        optuna.storages.RDBStorage(url)  # two processes cannot make the tables at once
        study = share(url)
        # Each process may begin one more, while another one begins the last.
        assert 12 <= len(study.trials) <= 13
        assert set(states(study)) == {TrialState.COMPLETE}
        assert len({trial.user_attrs["worker"] for trial in study.trials}) == 2
        all_of_it = optuna_script.search(url, 12).fit(X, y)
        assert len(all_of_it.cv_results_["params"]) == len(study.trials)
        assert all_of_it.best_score_ == study.best_value


@contextmanager
def dashboard(url):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "optuna_dashboard._cli", url, "--port", str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://127.0.0.1:{port}/api/studies"
    finally:
        process.terminate()
        process.wait()


def asked(address):
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(address) as answer:
                return json.load(answer)
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def test_dashboard_shows_it(url):
    pytest.importorskip("optuna_dashboard")
    space = {"level": (0.0, 1.0), "broken": Categorical([False, "fit"])}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pruner = ThresholdPruner(lower=0.5)
        searched(space, Fussy(), 12, storage=url, study_name="shown", pruner=pruner)
    with dashboard(url) as address:
        (summary,) = asked(address)["study_summaries"]
        assert (summary["study_name"], summary["directions"]) == ("shown", ["maximize"])
        trials = asked(f"{address}/{summary['study_id']}?after=0")["trials"]
    assert {trial["state"] for trial in trials} == {"Complete", "Fail", "Pruned"}
    failed = next(trial for trial in trials if trial["state"] == "Fail")
    attributes = {
        attribute["key"]: attribute["value"] for attribute in failed["user_attrs"]
    }
    assert "broken on purpose" in attributes["error"]
