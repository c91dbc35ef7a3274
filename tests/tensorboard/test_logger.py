"""What the TensorBoard server reads of a search."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager

import numpy as np
import pytest
from scipy.stats import uniform
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skkeras_search import (
    BayesSearchCV,
    Categorical,
    FreezeThawSearchCV,
    GridSearchCV,
    Integer,
    KerasClassifier,
    RandomizedSearchCV,
    Real,
    TensorBoardLogger,
    TimeBudget,
)
from skkeras_search.searches.progress import SearchCallback
from skkeras_search.tensorboard.hparams import hparams_of
from tests.searches.browser import Browser, find_browser

pytest.importorskip("tensorboard")
X, y = load_iris(return_X_y=True)
STATUSES = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]


def gamma(n_features):
    return 1 / n_features


def build(meta, units=2, fail=False):
    import keras

    assert not fail
    layers = [keras.layers.Dense(units), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


class Server:
    """A TensorBoard server of a folder."""

    def __init__(self, port):
        self.url = f"http://localhost:{port}"

    def get(self, path, **query):
        url = f"{self.url}/data/plugin/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=30) as response:
            return json.load(response)

    def post(self, path, **body):
        request = urllib.request.Request(
            f"{self.url}/data/plugin/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def experiment(self):
        return self.post("hparams/experiment")

    def candidates(self):
        wanted = {"allowedStatuses": STATUSES, "colParams": [], "sliceSize": 1000}
        return self.post("hparams/session_groups", **wanted).get("sessionGroups", [])

    def wait_for(self, n):
        until = time.monotonic() + 90
        while len(found := self.candidates()) < n and time.monotonic() < until:
            time.sleep(0.2)
        return found

    def curve(self, run, tag):
        return self.get("scalars/scalars", run=run, tag=tag)


@contextmanager
def serving(folder):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    command = ["-m", "tensorboard.main", "--logdir", str(folder), "--port", str(port)]
    options = ["--load_fast=false", "--reload_interval=1"]
    process = subprocess.Popen(
        [sys.executable, *command, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server = Server(port)
    try:
        until = time.monotonic() + 90
        while time.monotonic() < until and process.poll() is None:
            try:
                server.experiment()
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.2)
        yield server
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Searches in one folder, each in its own below it, and the servers of two."""
    folder = tmp_path_factory.mktemp("logs")
    network = KerasClassifier(build, epochs=3, verbose=0, random_state=0)
    search = FreezeThawSearchCV(
        make_pipeline(StandardScaler(), network),
        {"kerasclassifier__units": Integer(1, 9)},
        n_iter=3,
        cv=3,
        random_state=0,
        scoring={"accuracy": "accuracy", "loss": "neg_log_loss"},
        refit="accuracy",
    )
    search.set_callbacks(TensorBoardLogger(folder)).fit(X, y)
    with serving(folder) as server:
        server.wait_for(len(search.cv_results_["params"]))
        yield server, search


def values_of(group):
    return {
        (m["name"].get("group", ""), m["name"]["tag"]): m["value"]
        for m in group.get("metricValues", [])
    }


def test_candidates_with_metrics(served):
    server, search = served
    assert search.best_estimator_[-1].engine_ == "fused"
    (info,) = server.experiment()["hparamInfos"]
    assert (info["name"], info["type"]) == ("kerasclassifier__units", "DATA_TYPE_FLOAT64")
    assert info["domainInterval"] == {"minValue": 1.0, "maxValue": 9.0}
    groups = sorted(server.candidates(), key=lambda group: group["name"])
    results = search.cv_results_
    assert len(groups) == len(results["params"])
    for row, group in enumerate(groups):
        units = results["params"][row]["kerasclassifier__units"]
        assert group["hparams"] == {"kerasclassifier__units": float(units)}
        values = values_of(group)
        for name in ("accuracy", "loss"):
            for fold in range(3):
                score = results[f"split{fold}_test_{name}"][row]
                shown = values.get((f"fold-{fold}", f"score/{name}"), np.nan)
                assert shown == pytest.approx(score, rel=1e-6, nan_ok=True)
            if results["status"][row] == "finished":
                mean = results[f"mean_test_{name}"][row]
                assert values["", f"score/{name}"] == pytest.approx(mean, rel=1e-6)
        assert values["", "epochs"] == results["n_resources"][row]
        (session,) = group["sessions"]
        is_finished = session["status"] == "STATUS_SUCCESS"
        assert is_finished == (results["status"][row] == "finished")


def test_curves_of_folds(served):
    server, search = served
    curves = search.learning_curves_
    for (row, fold), curve in curves.groupby(["candidate", "fold"]):
        run = f"candidate-{row:04d}/fold-{fold}"
        shown = server.curve(run, "epoch_loss")
        assert [step for _, step, _ in shown] == list(curve["epoch"])
        losses = [loss for _, _, loss in shown]
        assert losses == pytest.approx(list(curve["loss"]), rel=1e-6)
        scores = curve.dropna(subset="score")
        shown = server.curve(run, "score/accuracy")
        assert [step for _, step, _ in shown] == list(scores["epoch"])


# Chromium's pages hide most of theirs in shadow roots.
EVERYTHING = """
const within = (root) => [...root.querySelectorAll("*")].flatMap(
    e => [e, ...(e.shadowRoot ? within(e.shadowRoot) : [])]);
const all = within(document);
"""


def test_a_browser_shows_parallel_coordinates(served, tmp_path):
    if (program := find_browser()) is None:
        pytest.skip("no Chromium or Chrome is installed")
    server, search = served
    tab = """all.find(e => e.tagName == "PAPER-TAB" && /parallel/i.test(e.textContent))"""
    lines = """all.find(e => e.tagName == "TF-HPARAMS-PARALLEL-COORDS-PLOT")
        ?.shadowRoot.querySelectorAll(".foreground path").length"""
    n_finished = np.sum(search.cv_results_["status"] == "finished")
    with Browser(program, tmp_path, f"{server.url}/#hparams") as browser:
        assert browser.wait_for(f"(() => {{{EVERYTHING} return !!{tab}}})()")
        browser.evaluate(f"(() => {{{EVERYTHING} {tab}.click()}})()")
        shown = browser.wait_for(f"(() => {{{EVERYTHING} return {lines}}})()")
    # TensorBoard leaves out candidates that lack a value.
    assert n_finished <= shown <= len(search.cv_results_["params"])


def described(search):
    return {hparam.name: hparam for hparam in hparams_of(search)}


def test_types_follow_from_the_space():
    space = {
        "C": Real(0.1, 10, "log-uniform"),
        "degree": Integer(2, 4, when={"kernel": "poly"}),
        "kernel": Categorical(["rbf", "poly", gamma]),
        "gamma": [0.1, None, ("a", 1), gamma],
        "shrinking": [True, False],
        "tol": [0.1, 1],
        "coef0": uniform(0, 2),
    }
    found = described(BayesSearchCV(SVC(), space))
    assert found["C"].kind == found["degree"].kind == found["coef0"].kind == "number"
    assert found["C"].interval == (0.1, 10.0)
    assert found["degree"].interval == (2.0, 4.0)
    assert found["coef0"].interval == (0.0, 2.0)
    assert found["tol"].domain == [0.1, 1.0]
    assert (found["tol"].kind, found["shrinking"].kind) == ("number", "truth")
    assert found["shrinking"].domain == [True, False]
    assert found["kernel"].domain == ["rbf", "poly", "gamma"]
    assert found["gamma"].domain == ["0.1", "None", "(a, 1)", "gamma"]
    assert found["gamma"].plain(None) == "None"
    assert found["shrinking"].plain(np.False_) is False


def declaring(hp):
    return build({}, hp.Int("units", 1, 4))


@pytest.mark.parametrize("kind", [BayesSearchCV, GridSearchCV, RandomizedSearchCV])
def test_spaces_that_build_functions_declare(kind):
    pipeline = make_pipeline(StandardScaler(), KerasClassifier(declaring))
    search = kind(pipeline)
    (found,) = hparams_of(search)
    assert (found.name, found.interval) == ("kerasclassifier__units", (1.0, 4.0))


def test_types_of_several_spaces():
    spaces = [{"C": [1, 2]}, {"C": (5.0, 9.0), "kernel": ["rbf"]}, {"kernel": [len, 1]}]
    found = described(BayesSearchCV(SVC(), spaces))
    assert (found["C"].interval, found["C"].domain) == ((1.0, 9.0), [])
    assert found["kernel"].domain == ["rbf", "len", "1"]


class Draws:
    """What RandomizedSearchCV of scikit-learn takes, and nothing is known of."""

    def __init__(self, value):
        self.value = value

    def rvs(self, random_state=None):
        return self.value


def test_distributions_with_nothing_but_rvs():
    search = RandomizedSearchCV(SVC(), {"C": Draws(1.5), "kernel": Draws("rbf")})
    found = described(search)
    assert (found["C"].kind, found["C"].interval) == ("number", None)
    assert (found["kernel"].kind, found["kernel"].plain("rbf")) == ("text", "rbf")


@pytest.mark.parametrize("huge", [10**400, -(10**400)])
def test_numbers_that_are_too_large(huge):
    search = GridSearchCV(SVC(), {"C": [1, huge]})
    assert described(search)["C"].domain == ["1", str(huge)]
    drawn = described(RandomizedSearchCV(SVC(), {"C": Draws(huge)}))["C"]
    assert (drawn.kind, drawn.plain(huge)) == ("number", None)


def test_choices_of_one_name_have_two():
    first, second = (lambda x: x), (lambda x: -x)
    found = described(GridSearchCV(SVC(), {"kernel": [first, second], "C": [1.0, np.inf]}))
    assert found["kernel"].domain == ["<lambda>", "<lambda> (2)"]
    assert found["kernel"].plain(second) == "<lambda> (2)"
    assert found["C"].domain == ["1.0", "inf"]


def read(folder):
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

    runs = EventMultiplexer().AddRunsFromDirectory(str(folder))
    return runs.Reload()


@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test"
)
def test_failures(tmp_path):
    names = {"C": [-1.0, 1.0], "kernel": ["rbf"]}
    search = GridSearchCV(SVC(), names, cv=3, n_repeats=2)
    search.set_callbacks(TensorBoardLogger(tmp_path)).fit(X, y)
    runs = read(tmp_path)
    (error,) = runs.Tensors("candidate-0000", "error")
    assert b"'C' parameter of SVC" in error.tensor_proto.string_val[0]
    tags = runs.Runs()["candidate-0000"]
    assert "score" not in tags["scalars"] + tags["tensors"]
    assert "candidate-0001/fold-2-repeat-1" in runs.Runs()


def files_in(folder):
    return {f: f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.mark.parametrize("kind", [GridSearchCV, FreezeThawSearchCV])
@pytest.mark.filterwarnings("ignore:Only folds are saved", "ignore:The search space has")
def test_a_search_that_goes_on_writes_nothing_twice(tmp_path, kind):
    logs, space = tmp_path / "logs", {"C": [0.1, 1.0, 10.0], "gamma": [0.1, 1.0]}

    def make(*callbacks):
        more = {} if kind is GridSearchCV else {"n_iter": 6, "random_state": 0}
        search = kind(SVC(), space, cv=3, storage=tmp_path / "search.db", **more)
        return search.set_callbacks(TensorBoardLogger(logs), *callbacks)

    make(TimeBudget(1e-9)).fit(X, y)
    begun = files_in(logs)
    # As if the process had been killed before it was written.
    max(file for file in begun if file.parent.name == "candidate-0000").unlink()
    search = make().fit(X, y)
    finished = files_in(logs)
    assert finished.keys() >= begun.keys()
    assert len(finished) > len(begun)
    make().fit(X, y)
    assert files_in(logs) == finished
    assert not any("unfinished" in file.name for file in finished)
    runs = read(logs)
    for row in range(len(search.cv_results_["params"])):
        assert len(runs.Scalars(f"candidate-{row:04d}/fold-0", "score")) == 1


def test_a_search_that_is_extended_goes_on(tmp_path):
    def fit(**space):
        search = GridSearchCV(
            SVC(), space, cv=3, storage=tmp_path / "search.db", resume="extend"
        )
        return search.set_callbacks(TensorBoardLogger(tmp_path / "logs")).fit(X, y)

    fit(C=[0.1, 1.0])
    begun = files_in(tmp_path / "logs")
    fit(C=[0.1, 1.0, 10.0])
    finished = files_in(tmp_path / "logs")
    (changed,) = (file for file, content in begun.items() if finished[file] != content)
    assert changed.parent == tmp_path / "logs"
    with serving(tmp_path / "logs") as server:
        assert len(server.wait_for(3)) == 3
        (info,) = server.experiment()["hparamInfos"]
    assert info["domainDiscrete"] == [0.1, 1.0, 10.0]
    with pytest.raises(FileExistsError, match="keep their numbers"):
        fit(C=[1.0, 0.1])


class Looks(SearchCallback):
    """Note which runs are there whenever a candidate has arrived."""

    def __init__(self, folder):
        self.folder, self.seen = folder, []

    def on_outcome(self, outcome):
        runs = set(read(self.folder).Runs())
        self.seen.append({run for run in runs if run.startswith("candidate")})


def test_files_are_whole_while_the_search_runs(tmp_path):
    looks = Looks(tmp_path)
    search = GridSearchCV(SVC(), {"C": [0.1, 1.0]}, cv=2, refit=False)
    search.set_callbacks(TensorBoardLogger(tmp_path), looks).fit(X, y)
    first = {f"candidate-0000{part}" for part in ("", "/fold-0", "/fold-1")}
    second = {run.replace("0000", "0001") for run in first}
    assert looks.seen == [first, first | second]


def test_tensorflow_is_not_imported():
    script = (
        "import sys, skkeras_search.tensorboard.event_files\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_a_folder_of_another_search_raises(tmp_path):
    def make(C, **more):
        search = GridSearchCV(SVC(), {"C": [C]}, cv=3, **more)
        return search.set_callbacks(TensorBoardLogger(str(tmp_path / "logs")))

    make(1.0).fit(X, y)
    with pytest.raises(FileExistsError, match=r"log_dir=.*another search"):
        make(1.0).fit(X, y)
    with pytest.raises(FileExistsError, match=r"log_dir=.*another search"):
        make(2.0, storage=tmp_path / "search.db").fit(X, y)


@pytest.mark.parametrize("log_dir", [None, 1, ["logs"]])
def test_bad_folders(log_dir):
    with pytest.raises(TypeError, match="log_dir must be the path"):
        TensorBoardLogger(log_dir)


def test_without_tensorboard(tmp_path, monkeypatch):
    monkeypatch.delitem(
        sys.modules, "skkeras_search.tensorboard.event_files", raising=False
    )
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    search = GridSearchCV(SVC(), {"C": [1.0]}, cv=3)
    with pytest.raises(ImportError, match=r"skkeras-search\[tensorboard\]"):
        search.set_callbacks(TensorBoardLogger(tmp_path)).fit(X, y)


def test_workers(tmp_path):
    tree = DecisionTreeClassifier(random_state=0)
    search = BayesSearchCV(tree, {"max_depth": (1, 9)}, n_iter=4, n_jobs=2, cv=3)
    search.set_callbacks(TensorBoardLogger(tmp_path)).fit(X, y)
    assert {f"candidate-{row:04d}" for row in range(4)} <= set(read(tmp_path).Runs())
