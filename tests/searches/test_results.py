"""What scikit-optimize's plots want of ``optimizer_results_``."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris

from skkeras_search import BayesSearchCV, Categorical, Integer, Real

skopt = pytest.importorskip("skopt")
plots = pytest.importorskip("skopt.plots")
X, y = load_iris(return_X_y=True)
SPACE = {
    "rate": (1e-3, 1.0, "log-uniform"),
    "depth": (1, 9),
    "power": Integer(1, 1024, "log-uniform"),
    "share": stats.norm(0, 1),
    "kind": ["x", "y", "z"],
    "size": [8, 16, None],
    "flag": [True, False],
    "constant": [3],
}


class Stub(ClassifierMixin, BaseEstimator):
    """A classifier whose score is what its parameters say."""

    def __init__(
        self,
        rate=0.1,
        depth=1,
        power=1,
        share=0.0,
        kind="x",
        size=8,
        flag=True,
        constant=3,
    ):
        self.rate, self.depth, self.power, self.share = rate, depth, power, share
        self.kind, self.size, self.flag, self.constant = kind, size, flag, constant

    def fit(self, X, y):
        if self.depth == 7:
            raise ArithmeticError("fails")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.zeros(len(X), int)

    def score(self, X, y):
        return -abs(np.log10(self.rate) + 1) - (self.kind == "z")


def result_of(space, n_iter=12):
    search = BayesSearchCV(Stub(), space, n_iter=n_iter, cv=2, random_state=0)
    return search.fit(X, y).optimizer_results_[0]


@pytest.fixture(scope="module")
def result():
    return result_of({name: SPACE[name] for name in SPACE if name != "depth"})


def test_the_plots_draw_ranges():
    pytest.importorskip("matplotlib.pyplot")
    found = result_of({"depth": range(0, 9, 2), "rate": (0.1, 1.0)})
    plots.plot_objective(found, n_points=4, n_samples=5)


def test_the_plots_draw(result):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    axes = plots.plot_evaluations(result)
    assert axes is not None
    axes = plots.plot_objective(result, n_points=4, n_samples=10)
    assert axes is not None
    for sample_source in ("result", "expected_minimum_random"):
        plots.plot_objective(
            result,
            plot_dims=["rate", "kind"],
            sample_source=sample_source,
            n_points=4,
            n_samples=10,
            n_minimum_search=20,
        )
    plots.plot_convergence(result)
    pyplot.close("all")


def test_the_surrogate_has_learned(result):
    model = result.models[-1]
    x = [list(x) for x in result.x_iters]
    mean, std = model.predict(result.space.transform(x), return_std=True)
    assert np.corrcoef(mean, result.func_vals)[0, 1] > 0.9
    assert (std > 0).all()


@pytest.mark.filterwarnings("ignore")
def test_candidates_that_failed():
    result = result_of({"depth": [7, 8], "rate": SPACE["rate"]})
    assert np.isnan(result.func_vals).any()
    model = result.models[-1]
    assert np.isfinite(model.predict(result.space.transform(result.x_iters))).all()


def test_one_dimension():
    result = result_of({"rate": Real(1e-3, 1.0)}, n_iter=6)
    axes = plots.plot_gaussian_process(result)
    assert axes is not None


def test_the_space_itself(result):
    assert result["space"].names == result.space.names == result.space.dimension_names
    again = pickle.loads(pickle.dumps(result))
    assert again["space"].names == result["space"].names
    assert "x_iters" in repr(result)
    condition = {"kind": "x"}
    conditional = {"kind": ["x", "y"], "rate": Real(0.1, 1, when=condition)}
    found = result_of(conditional, n_iter=3)
    assert found.space == found["space"]


def test_categories_of_any_kind():
    space = {"size": Categorical([(8,), (8, 8)]), "kind": ["x", None]}
    found = result_of(space, n_iter=4)
    assert found.space.n_dims == 2


@pytest.mark.parametrize(
    "space",
    [
        {"rate": (0.1, 1.0), "power": Integer(1, 100, "log-uniform")},
        {
            "rate": Real(0.1, 1.0, "reverse-log-uniform"),
            "power": Integer(1, 100, "reverse-log-uniform"),
        },
        {"depth": range(0, 5, 2), "share": stats.binom(10, 0.3)},
        {"kind": ["x", "y", "z"], "size": [8, 16, None], "rate": (0.1, 1.0)},
    ],
)
def test_all_plots(space):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    result = result_of(space, n_iter=6)
    few = {"n_points": 3, "n_samples": 4}
    names = sorted(space)
    points = result.space.transform(result.space.rvs(4, random_state=0))
    assert plots.plot_convergence(("one", result), ("all", [result])) is not None
    assert plots.plot_regret(result) is not None
    assert plots.plot_evaluations(result) is not None
    assert plots.plot_objective(result, **few) is not None
    assert plots.plot_objective_2D(result, *names[:2], **few) is not None
    for name in names:
        assert plots.plot_histogram(result, name) is not None
    for draw in (plots.partial_dependence, plots.partial_dependence_2D):
        found = draw(result.space, result.models[-1], 0, 1, points, n_points=3)
        assert np.isfinite(found[2]).all()
    found = plots.partial_dependence_1D(result.space, result.models[-1], 0, points)
    assert np.isfinite(found[1]).all()
    best, value = skopt.utils.expected_minimum_random_sampling(result, 20, random_state=0)
    assert dict(zip(names, best, strict=True)).keys() == space.keys()
    assert np.isfinite(value)
    pyplot.close("all")


def test_plots_of_the_gaussian_process():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    result = result_of({"rate": Real(1e-3, 1.0)}, n_iter=6)
    for n_calls in (-1, 0, 3, 6):
        plots.plot_gaussian_process(result, n_calls=n_calls, show_acq_func=True)
    plots.plot_gaussian_process(result, show_next_point=True, show_title=True)
    pyplot.close("all")


def test_plots_of_a_conditional_space():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    space = {"kind": ["x", "y"], "rate": Real(0.1, 1, when={"kind": "x"})}
    result = result_of(space, n_iter=6)
    plots.plot_convergence(result)
    plots.plot_regret(result)
    message = "no conditional spaces, and 'rate' is conditional"
    for draw in (plots.plot_evaluations, plots.plot_objective):
        with pytest.raises(AttributeError, match=message):
            draw(result)
    with pytest.raises(TypeError, match=message):
        plots.plot_histogram(result, "rate")
    with pytest.raises(AttributeError, match=message):
        plots.plot_objective_2D(result, "kind", "rate")
    with pytest.raises(AttributeError, match=message):
        result.models  # noqa: B018
    pyplot.close("all")


@pytest.mark.parametrize("name", ["result.pkl", "result.gz"])
@pytest.mark.parametrize("store_objective", [True, False])
def test_dump_and_load(tmp_path, result, name, store_objective):
    skopt.dump(result, tmp_path / name, store_objective=store_objective)
    again = skopt.load(tmp_path / name)
    assert again.x_iters == result.x_iters
    assert (again.func_vals == result.func_vals).all()
    assert repr(again["space"]) == repr(result["space"])
    points = result.space.transform([result.x])
    assert again.models[-1].predict(points) == result.models[-1].predict(points)


def test_scikit_optimize_is_not_imported():
    script = (
        "import sys\n"
        "from sklearn.datasets import load_iris\n"
        "from sklearn.svm import SVC\n"
        "from skkeras_search import BayesSearchCV, Space\n"
        "search = BayesSearchCV(SVC(), {'C': [1.0, 2.0]}, n_iter=1, cv=2)\n"
        "search.fit(*load_iris(return_X_y=True))\n"
        "assert isinstance(search.optimizer_results_[0].space, Space)\n"
        "assert 'skopt' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
