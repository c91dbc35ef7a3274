"""MLflow has what a search did, once."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skkeras_search import (
    BayesSearchCV,
    FreezeThawSearchCV,
    GridSearchCV,
    KerasClassifier,
    MLflowLogger,
)
from skkeras_search.searches.progress import SearchCallback

mlflow = pytest.importorskip("mlflow", reason="MLflow is not installed")

X, y = load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """A database; to make one takes long."""
    folder = tmp_path_factory.mktemp("mlflow")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db").search_experiments()
    return f"sqlite:///{folder}/mlflow.db"


@pytest.fixture
def client(uri):
    return mlflow.MlflowClient(uri)


@pytest.fixture
def logger(uri, request, tmp_path, client):
    name = request.node.name
    client.create_experiment(name, artifact_location=tmp_path.joinpath("art").as_uri())
    return MLflowLogger(name, tracking_uri=uri, log_model=False)


def network():
    import keras

    layers = [keras.layers.Dense(4, "relu"), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def children(client, logger):
    experiment = client.get_experiment_by_name(logger.experiment_name)
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    inner = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    return sorted(inner, key=lambda run: int(run.data.tags["skkeras_search.candidate"]))


def test_candidates_are_runs(client, logger):
    search = GridSearchCV(
        SVC(), {"C": [0.1, 1.0], "kernel": ["rbf", "linear"]}, cv=3
    ).set_callbacks(logger)
    search.fit(X, y)
    parent = client.get_run(logger.run_id_)
    assert parent.info.run_name == "GridSearchCV"
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["best_score"] == search.best_score_
    assert parent.data.tags["best_kernel"] == search.best_params_["kernel"]
    runs = children(client, logger)
    assert len(runs) == 4
    for row, run in enumerate(runs):
        assert run.data.tags["mlflow.parentRunId"] == logger.run_id_
        assert run.info.status == "FINISHED"
        params = search.cv_results_["params"][row]
        assert run.data.params == {name: str(value) for name, value in params.items()}
        for name in ("split0_test_score", "split2_test_score", "mean_test_score"):
            assert run.data.metrics[name] == search.cv_results_[name][row]


@pytest.mark.filterwarnings("ignore:.*fits failed", "ignore:One or more of the test")
def test_several_metrics_and_failures(client, logger):
    search = GridSearchCV(
        SVC(), {"C": [-1.0, 1.0]}, cv=3, scoring=["accuracy", "f1_macro"], refit="accuracy"
    ).set_callbacks(logger)
    search.fit(X, y)
    bad, good = children(client, logger)
    assert bad.info.status == "FAILED"
    assert "'C' parameter of SVC" in bad.data.tags["skkeras_search.error"]
    assert np.isnan(bad.data.metrics["mean_test_accuracy"])
    assert good.data.metrics["mean_test_f1_macro"] == pytest.approx(
        search.cv_results_["mean_test_f1_macro"][1]
    )


def test_odd_names_and_long_values(client, logger):
    from sklearn.tree import DecisionTreeClassifier

    space = {"class_weight": [{0: 1.0, 1: 2.0, 2: 3.0}, None], "max_depth": [1]}
    scoring = {"top 1 (%)": "accuracy", "../x": "accuracy"}
    search = GridSearchCV(
        DecisionTreeClassifier(), space, cv=2, scoring=scoring, refit="top 1 (%)"
    ).set_callbacks(logger)
    search.fit(X, y)
    first, second = children(client, logger)
    assert first.data.params["class_weight"] == "{0: 1.0, 1: 2.0, 2: 3.0}"
    assert second.data.params["class_weight"] == "None"
    assert "mean_test_top 1 ___" in first.data.metrics


@pytest.mark.parametrize("n_repeats", [1, 2])
def test_curves_by_epoch(client, logger, n_repeats):
    classifier = KerasClassifier(network, epochs=3, verbose=0, random_state=0)
    search = GridSearchCV(
        classifier, {"batch_size": [50]}, cv=2, n_repeats=n_repeats, refit=False
    ).set_callbacks(logger)
    search.fit(X, y)
    (run,) = children(client, logger)
    name = "split1_repeat0" if n_repeats > 1 else "split1"
    history = client.get_metric_history(run.info.run_id, f"{name}_loss")
    table = search.learning_curves_.query("fold == 1 and repeat == 0")
    assert [point.step for point in history] == [1, 2, 3]
    assert [point.value for point in history] == list(table["loss"])
    (score,) = client.get_metric_history(run.info.run_id, f"{name}_test_score")
    assert (score.step, score.value) == (3, table["score"].iloc[-1])


@pytest.mark.filterwarnings("ignore:Only folds are saved")
def test_steps_of_one_candidate_are_one_run(client, logger):
    classifier = KerasClassifier(network, epochs=4, verbose=0, random_state=0)
    search = FreezeThawSearchCV(
        classifier, {"batch_size": (20, 60)}, n_iter=2, cv=2, random_state=0, refit=False
    ).set_callbacks(logger)
    search.fit(X, y)
    runs = children(client, logger)
    assert len(runs) == len(search.cv_results_["params"])
    table = search.learning_curves_
    for row, run in enumerate(runs):
        assert run.data.tags["skkeras_search.status"] == search.cv_results_["status"][row]
        if run.data.tags["skkeras_search.status"] == "finished":
            mean = search.cv_results_["mean_test_score"][row]
            assert run.data.metrics["mean_test_score"] == mean
        for fold in table.query(f"candidate == {row}")["fold"].unique():
            curve = table.query(f"candidate == {row} and fold == {fold}")
            points = client.get_metric_history(run.info.run_id, f"split{fold}_loss")
            assert [p.step for p in points] == list(curve["epoch"])


class Interruption(SearchCallback):
    """End a search with an error after its second candidate."""

    def update(self, standing):
        if standing.n >= 2:
            raise RuntimeError("interrupted")


def resumable(storage, **kwargs):
    space = {"C": (0.1, 10.0)}
    return BayesSearchCV(
        SVC(), space, n_iter=4, cv=2, random_state=0, storage=storage, **kwargs
    )


def interrupted(storage, *callbacks):
    with pytest.raises(RuntimeError, match="interrupted"):
        resumable(storage).set_callbacks(*callbacks, Interruption()).fit(X, y)


def test_resume_logs_nothing_twice(client, logger, tmp_path, uri):
    storage = tmp_path / "search.db"
    interrupted(storage, logger)
    first = logger.run_id_
    assert client.get_run(first).info.status == "FAILED"
    ids = [run.info.run_id for run in children(client, logger)]
    assert len(ids) == 2
    again = MLflowLogger(logger.experiment_name, tracking_uri=uri, log_model=False)
    search = resumable(storage).set_callbacks(again).fit(X, y)
    assert again.run_id_ == first
    runs = children(client, again)
    assert len(runs) == 4
    assert [run.info.run_id for run in runs][:2] == ids
    for row, run in enumerate(runs):
        (point,) = client.get_metric_history(run.info.run_id, "mean_test_score")
        assert point.value == search.cv_results_["mean_test_score"][row]
    assert client.get_run(first).info.status == "FINISHED"
    resumable(storage).set_callbacks(again).fit(X, y)
    assert len(children(client, again)) == 4


def test_candidates_that_were_not_logged_before(client, logger, tmp_path):
    storage = tmp_path / "search.db"
    interrupted(storage)
    resumable(storage).set_callbacks(logger).fit(X, y)
    assert len(children(client, logger)) == 4


def test_half_a_candidate_is_logged_anew(client, logger, tmp_path):
    storage = tmp_path / "search.db"
    resumable(storage).set_callbacks(logger).fit(X, y)
    half = children(client, logger)[1].info.run_id
    client.delete_tag(half, "skkeras_search.logged")  # as if it had ended there
    resumable(storage).set_callbacks(logger).fit(X, y)
    runs = children(client, logger)
    assert len(runs) == 4
    assert half != runs[1].info.run_id


@pytest.mark.filterwarnings("ignore:A part of the search could not be logged")
def test_what_could_not_be_logged_comes_later(client, logger, monkeypatch):
    log_batch = mlflow.MlflowClient.log_batch
    calls = []

    def flaky(self, *args, **kwargs):
        calls.append(1)
        if len(calls) < 4:
            raise ConnectionError("nobody there")
        return log_batch(self, *args, **kwargs)

    monkeypatch.setattr(mlflow.MlflowClient, "log_batch", flaky)
    GridSearchCV(SVC(), {"C": [0.1, 1.0, 2.0]}, cv=2).set_callbacks(logger).fit(X, y)
    runs = children(client, logger)
    assert [run.data.params["C"] for run in runs] == ["0.1", "1.0", "2.0"]
    assert all("mean_test_score" in run.data.metrics for run in runs)


def test_a_search_that_raises_is_a_failed_run(client, logger):
    search = GridSearchCV(SVC(), {"C": [-1.0]}, cv=2, error_score="raise")
    with pytest.raises(ValueError, match="'C' parameter"):
        search.set_callbacks(logger).fit(X, y)
    assert client.get_run(logger.run_id_).info.status == "FAILED"


def test_within_an_active_run(uri, client):
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        with mlflow.start_run() as outer:
            logger = MLflowLogger(run_name="inner", log_model=False)
            GridSearchCV(SVC(), {"C": [1.0]}, cv=2).set_callbacks(logger).fit(X, y)
        run = client.get_run(logger.run_id_)
    finally:
        mlflow.set_tracking_uri(before)
    assert run.data.tags["mlflow.parentRunId"] == outer.info.run_id
    assert run.info.run_name == "inner"
    assert run.info.experiment_id == outer.info.experiment_id


@pytest.mark.parametrize("is_run_active", [False, True])
def test_model_beside_another_experiment(client, logger, uri, monkeypatch, is_run_active):
    monkeypatch.setattr(mlflow.tracking.fluent, "_active_experiment_id", None)
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID", raising=False)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    logger.log_model = True
    search = GridSearchCV(SVC(), {"C": [1.0]}, cv=2).set_callbacks(logger)
    try:
        other = mlflow.set_experiment(f"other than {logger.experiment_name}")
        if is_run_active:
            with mlflow.start_run() as outer:
                search.fit(X, y)
                assert mlflow.active_run().info.run_id == outer.info.run_id
        else:
            search.fit(X, y)
        assert mlflow.tracking.fluent._get_experiment_id() == other.experiment_id
        model = mlflow.pyfunc.load_model(f"runs:/{logger.run_id_}/model")
    finally:
        mlflow.set_tracking_uri(before)
    np.testing.assert_array_equal(model.predict(X), search.predict(X))
    experiment = client.get_experiment_by_name(logger.experiment_name)
    (logged,) = client.search_logged_models([experiment.experiment_id])
    assert (logged.name, logged.source_run_id) == ("model", logger.run_id_)
    assert logged.status == "READY"
    run = client.get_run(logger.run_id_)
    assert run.info.status == "FINISHED"
    assert [each.model_id for each in run.outputs.model_outputs] == [logged.model_id]


def test_workers(client, logger):
    search = GridSearchCV(SVC(), {"C": [0.1, 1.0]}, cv=2, n_jobs=2)
    search.set_callbacks(logger).fit(X, y)
    assert len(children(client, logger)) == 2


def test_model_predicts_in_a_fresh_process(client, logger, uri, tmp_path):
    def build(meta, units=3):
        import keras

        layers = [keras.layers.Dense(units), keras.layers.Dense(3, "softmax")]
        return keras.Sequential(layers)

    classifier = KerasClassifier(
        build, loss="sparse_categorical_crossentropy", verbose=0, random_state=0
    )
    frame = pd.DataFrame(X, columns=["sepal l", "sepal w", "petal l", "petal w"])
    labels = np.array(["a", "b", "c"])[y]
    logger.log_model = True
    search = GridSearchCV(
        make_pipeline(StandardScaler(), classifier), {"kerasclassifier__units": [2]}, cv=2
    ).set_callbacks(logger)
    search.fit(frame, labels)
    frame.to_parquet(tmp_path / "X.parquet")
    script = (
        "import sys, mlflow, pandas as pd\n"
        f"mlflow.set_tracking_uri({uri!r})\n"
        f"model = mlflow.pyfunc.load_model('runs:/{logger.run_id_}/model')\n"
        f"found = model.predict(pd.read_parquet({str(tmp_path / 'X.parquet')!r}))\n"
        "print('FOUND', ''.join(found))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert f"FOUND {''.join(search.predict(frame))}" in done.stdout


def test_server(uri, tmp_path):
    """The real server, asked by HTTP."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--workers", "1", "--backend-store-uri", uri]
    command += ["--artifacts-destination", str(tmp_path / "artifacts")]
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        wait_for(f"{address}/health", server)
        logger = MLflowLogger("served", tracking_uri=address, log_model=False)
        search = GridSearchCV(SVC(), {"C": [0.5, 1.0]}, cv=2).set_callbacks(logger)
        search.fit(X, y)
        asked = f"{address}/api/2.0/mlflow/runs/get?run_id={logger.run_id_}"
        with urllib.request.urlopen(asked, timeout=60) as answer:
            run = json.load(answer)["run"]
        assert run["info"]["status"] == "FINISHED"
        metrics = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
        assert metrics["best_score"] == pytest.approx(search.best_score_)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_for(url, process):
    end = time.monotonic() + 240
    while time.monotonic() < end:
        assert process.poll() is None, "the server has ended"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise TimeoutError(url)


@pytest.mark.parametrize("name", ["experiment_name", "run_name", "tracking_uri"])
@pytest.mark.parametrize("value", ["", 3, Path("mlflow.db")])
def test_bad_names(name, value):
    with pytest.raises(TypeError, match=name):
        MLflowLogger(**{name: value})


def test_bad_log_model():
    with pytest.raises(TypeError, match="log_model must be True or False, got 'no'"):
        MLflowLogger(log_model="no")


def test_other_estimators_are_refused():
    classifier = KerasClassifier(network, verbose=0).set_callbacks(MLflowLogger())
    with pytest.raises(TypeError, match="MLflowLogger is a callback of the searches"):
        classifier.fit(X, y)


def test_without_mlflow(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    search = GridSearchCV(SVC(), {"C": [1.0]}).set_callbacks(MLflowLogger())
    with pytest.raises(ImportError, match=r"pip install skkeras-search\[mlflow\]"):
        search.fit(X, y)
