"""The displays, in the states that searches are in."""

import numpy as np
import pytest
from sklearn import model_selection
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from skkeras_search import (
    FreezeThawSearchCV,
    GridSearchCV,
    Integer,
    KerasClassifier,
    Real,
    Space,
    load_search,
)
from skkeras_search.inspection import (
    ConvergenceDisplay,
    FoldScoresDisplay,
    HyperparameterDisplay,
    ImportanceDisplay,
    LearningCurvesDisplay,
    ParallelCoordinatesDisplay,
    TimelineDisplay,
    plot_overview,
)
from tests.inspection.conftest import made_up

X, y = load_iris(return_X_y=True)
OF_SCORES = [
    ConvergenceDisplay,
    FoldScoresDisplay,
    ImportanceDisplay,
    ParallelCoordinatesDisplay,
]


def a_function():
    """Stand for an activation, say."""


ODD = [None, (32,), (64, 32), a_function, StandardScaler(), MinMaxScaler(), "$x_{", 0.5, {}]


@pytest.fixture(scope="module")
def freeze_thaw(tmp_path_factory):
    import keras

    def build(meta, units=2):
        return keras.Sequential(
            [keras.layers.Dense(units), keras.layers.Dense(3, "softmax")]
        )

    classifier = KerasClassifier(
        build,
        loss="sparse_categorical_crossentropy",
        epochs=4,
        verbose=0,
        random_state=0,
    )
    search = FreezeThawSearchCV(
        make_pipeline(StandardScaler(), classifier),
        {"kerasclassifier__units": Integer(1, 16)},
        n_iter=4,
        cv=3,
        random_state=0,
        storage=tmp_path_factory.mktemp("storage") / "search.db",
    )
    return search.fit(X, y)


def states():
    rng = np.random.RandomState(0)
    some = rng.uniform(size=(6, 3))
    cs = [{"C": float(c)} for c in np.logspace(-2, 2, 6)]
    yield "one", made_up(cs[:1], some[:1])
    yield "one fold", made_up(cs, some[:, :1])
    yield "same scores", made_up(cs, np.ones((6, 3)))
    yield "one is left", made_up(cs, np.where(np.arange(6)[:, None] == 2, some, np.nan))
    yield "some folds", made_up(cs, np.where(some > 0.9, np.nan, some))
    yield "one far below", made_up(cs, np.where(np.arange(6)[:, None] == 2, -1e12, some))
    yield "huge scores", made_up(cs, 1e300 * (some - 0.5))
    odd = [{"pipeline__a_long_name_" + "x" * 80: value} for value in ODD]
    yield "odd values", made_up(odd, rng.uniform(size=(len(ODD), 3)))
    names = ["", "$", "a b", "_c", "<script>", "\n", "über", "status"]
    yield "odd names", made_up([dict.fromkeys(names, i) for i in range(6)], some)
    kinds = [{"kind": "a", "x": 1.0}, {"kind": "b"}, {"kind": "a", "x": 3.0}]
    yield "conditional", made_up(kinds * 2, some)
    yield "apart", made_up([{"a": 1}, {"b": 1}, {"a": 2}, {"b": 2}] * 1 + cs[:2], some)
    yield "no hyperparameter", made_up([{}], some[:1])


STATES = dict(states())


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("display", OF_SCORES)
def test_states(display, state):
    search = STATES[state]
    if state == "no hyperparameter" and display is ImportanceDisplay:
        with pytest.raises(ValueError, match=r"no hyperparameters"):
            display.from_search(search)
        return
    shown = display.from_search(search)
    assert shown.figure_ is shown.ax_.figure
    shown.figure_.canvas.draw()


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("state", STATES)
def test_states_of_hyperparameters(state):
    search = STATES[state]
    names = list(dict.fromkeys(n for p in search.cv_results_["params"] for n in p))
    for name in names[:3]:
        HyperparameterDisplay.from_search(search, name).figure_.canvas.draw()
    if state != "apart" and len(names) > 1:
        HyperparameterDisplay.from_search(search, names[:2]).figure_.canvas.draw()


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("state", STATES)
def test_overview(state):
    plot_overview(STATES[state]).canvas.draw()


@pytest.mark.parametrize("display", [*OF_SCORES, LearningCurvesDisplay, TimelineDisplay])
def test_axes_can_be_given(display, freeze_thaw):
    import matplotlib.pyplot as plt

    _, ax = plt.subplots()
    shown = display.from_search(freeze_thaw, ax=ax)
    assert shown.ax_ is ax
    assert shown.plot().ax_ is not ax
    loaded = display.from_search(load_search(freeze_thaw.storage))
    assert loaded.ax_.get_xlabel() == ax.get_xlabel()


def test_convergence(conditional):
    one = ConvergenceDisplay.from_search(conditional).progress["BayesSearchCV"]
    assert one.best[-1] == conditional.best_score_
    assert (np.diff(one.best[np.isfinite(one.best)]) >= 0).all()
    assert one.has_failed.sum() == np.isnan(one.scores).sum()
    assert list(one.x) == list(range(1, 13))


@pytest.mark.parametrize("x", ["candidates", "fits", "seconds"])
def test_searches_side_by_side(grid, conditional, x):
    theirs = model_selection.GridSearchCV(SVC(), {"C": [1, 2]}, cv=3).fit(X, y)
    display = ConvergenceDisplay.from_searches([grid, theirs, conditional], x=x)
    assert list(display.progress) == ["GridSearchCV 1", "GridSearchCV 2", "BayesSearchCV"]
    for one in display.progress.values():
        assert (np.diff(one.x) >= 0).all()
    assert display.progress["BayesSearchCV"].x[-1] == {"candidates": 12, "fits": 36}.get(
        x, display.progress["BayesSearchCV"].x[-1]
    )
    named = ConvergenceDisplay.from_searches({"a": grid, "b": theirs}, x=x)
    assert next(text.get_text() for text in named.ax_.get_legend().get_texts()) == "a"


def test_parallel_coordinates(conditional):
    display = ParallelCoordinatesDisplay.from_search(conditional)
    assert [scale.name for scale in display.scales] == [
        *conditional.cv_results_["params"][0].keys() & {"C", "kernel"},
        "gamma",
        "mean test score",
    ] or len(display.scales) == 4
    params = conditional.cv_results_["params"]
    column = [scale.name for scale in display.scales].index("gamma")
    has_gamma = ["gamma" in one for one in params]
    assert (np.isfinite(display.coordinates[:, column]) == has_gamma).all()
    only = ParallelCoordinatesDisplay.from_search(conditional, hyperparameters=["kernel"])
    assert [scale.name for scale in only.scales] == ["kernel", "mean test score"]


def test_the_surrogate_follows_the_scores():
    xs = np.linspace(0, 1, 12)
    params = [
        {"a": float(x), "b": float(b)} for x, b in zip(xs, np.roll(xs, 5), strict=True)
    ]
    folds = np.column_stack([1 - (xs - 0.3) ** 2] * 3)
    space = {"a": Real(0, 1), "b": Real(0, 1)}
    display = HyperparameterDisplay.from_search(made_up(params, folds, space), "a")
    a = display.prediction.coordinates[0]
    assert a[np.argmax(display.prediction.mean)] == pytest.approx(0.3, abs=0.1)
    plane = HyperparameterDisplay.from_search(made_up(params, folds, space), ("b", "a"))
    _, best_a = np.unravel_index(
        np.argmax(plane.prediction.mean), plane.prediction.mean.shape
    )
    assert plane.prediction.coordinates[1][best_a] == pytest.approx(0.3, abs=0.1)


def test_a_grid_is_a_heatmap(grid):
    display = HyperparameterDisplay.from_search(grid, ("C", "kernel"))
    (image,) = display.ax_.get_images()
    means = grid.cv_results_["mean_test_score"].reshape(3, 2).T
    assert np.allclose(image.get_array(), means)
    assert [t.get_text() for t in display.ax_.get_xticklabels()] == ["0.01", "1", "100"]


def test_what_a_category_cannot_have_is_not_predicted():
    kinds = [{"kind": "ab"[n % 2], "x": float(n)} for n in range(8)]
    params = [p if p["kind"] == "a" else {"kind": "b"} for p in kinds]
    search = made_up(params, np.random.RandomState(0).uniform(size=(8, 3)))
    display = HyperparameterDisplay.from_search(search, ("kind", "x"))
    assert np.isfinite(display.prediction.mean).all(axis=1).tolist() == [True, False]


def test_importances(grid, conditional):
    for search in (grid, conditional):
        display = ImportanceDisplay.from_search(search)
        assert display.importances.sum() == pytest.approx(1)
        assert (np.diff(display.importances) <= 0).all()
        assert set(display.names) == {
            *(n for p in search.cv_results_["params"] for n in p),
            "interactions",
        }


def test_folds(grid):
    display = FoldScoresDisplay.from_search(grid, n=4)
    assert len(display.candidates) == 4
    assert display.candidates[0] == grid.best_index_
    means = display.scores.mean(axis=1)
    assert (np.diff(means) <= 1e-12).all()
    assert np.isnan(display.p_values[0])
    assert ((display.p_values[1:] >= 0) & (display.p_values[1:] <= 1)).all()


def test_learning_curves(freeze_thaw):
    display = LearningCurvesDisplay.from_search(freeze_thaw, "loss", n_best=1)
    table = freeze_thaw.learning_curves_
    best = display.best[0]
    known = table[table["candidate"] == best].groupby("epoch")["loss"].mean()
    curve = display.curves[display.curves["candidate"] == best]
    assert np.allclose(curve["mean"], known)
    assert display.best == [freeze_thaw.best_index_]
    assert LearningCurvesDisplay.from_search(freeze_thaw).y == "score"
    assert LearningCurvesDisplay.from_search(freeze_thaw, "loss", n_best=0).best == []


def test_fits_of_a_worker_do_not_overlap_in_a_row(freeze_thaw):
    fits = TimelineDisplay.from_search(freeze_thaw).fits
    assert len(fits) == len(freeze_thaw.timeline_)
    assert fits["begun"].min() == 0
    for _, row in fits.sort_values("begun").groupby("row"):
        assert row["worker"].nunique() == 1
        assert (row["begun"].to_numpy()[1:] >= row["ended"].to_numpy()[:-1]).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: ConvergenceDisplay.from_search(s, x="second"), "Did you mean 'seconds'"),
        (lambda s: ConvergenceDisplay.from_searches([]), "at least one search"),
        (lambda s: ConvergenceDisplay.from_searches(s), "a dict or a list"),
        (lambda s: ConvergenceDisplay.from_search(s, metric="f1"), "'f1' was not scored"),
        (lambda s: HyperparameterDisplay.from_search(s, "c"), "Did you mean 'C'"),
        (lambda s: HyperparameterDisplay.from_search(s, []), "one or two of"),
        (lambda s: HyperparameterDisplay.from_search(s, 3), "one or two of"),
        (lambda s: HyperparameterDisplay.from_search(s, ("C", "C")), "twice"),
        (lambda s: HyperparameterDisplay.from_search(s, "Ckernelx"), "not in the search"),
        (
            lambda s: ParallelCoordinatesDisplay.from_search(s, hyperparameters=["kernal"]),
            "Did you mean 'kernel'",
        ),
        (lambda s: FoldScoresDisplay.from_search(s, n=0), "n must be"),
        (lambda s: FoldScoresDisplay.from_search(s, n=2.5), "n must be"),
        (lambda s: FoldScoresDisplay.from_search(s, alpha=5), "alpha must be"),
        (lambda s: FoldScoresDisplay.from_search(s, test_ratio=-1), "test_ratio must be"),
        (lambda s: LearningCurvesDisplay.from_search(s), "has no epochs"),
        (lambda s: LearningCurvesDisplay.from_search(s, n_best=-1), "n_best must be"),
    ],
)
def test_bad_input(grid, call, message):
    with pytest.raises(ValueError, match=message):
        call(grid)


def test_what_scikit_learn_does_not_keep():
    search = model_selection.GridSearchCV(SVC(), {"C": [1, 2]}, cv=3).fit(X, y)
    with pytest.raises(ValueError, match=r"of sklearn does not record learning curves"):
        LearningCurvesDisplay.from_search(search)
    with pytest.raises(ValueError, match=r"of sklearn does not record times of its fits"):
        TimelineDisplay.from_search(search)


def test_a_curve_that_was_not_measured(freeze_thaw):
    with pytest.raises(ValueError, match=r"y='los' was not recorded.*Did you mean 'loss'"):
        LearningCurvesDisplay.from_search(freeze_thaw, "los")


@pytest.mark.parametrize("display", OF_SCORES)
def test_many_candidates_of_a_conditional_space(display):
    space = Space(
        {
            "kind": ["a", "b"],
            "rate": Real(1e-5, 1e-1, "log-uniform"),
            "x": Real(0, 1, when={"kind": "a"}),
        }
    )
    params = space.sample(500, random_state=0)
    scores = np.random.RandomState(0).uniform(size=(500, 3))
    display.from_search(made_up(params, scores, space)).figure_.canvas.draw()


def test_without_matplotlib(grid, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install skkeras-search\[plot\]"):
        grid.plot()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install skkeras-search\[plot\]"):
        ConvergenceDisplay.from_search(grid)
    assert "<img" not in grid._repr_html_()


def test_grids_of_one_value_and_of_several_dicts():
    grids = [{"C": [1.0], "kernel": ["linear"]}, {"C": [1.0, 10.0], "gamma": [0.1, 1]}]
    search = GridSearchCV(SVC(), grids, cv=3).fit(X, y)
    plot_overview(search).canvas.draw()
    HyperparameterDisplay.from_search(search, ("C", "gamma")).figure_.canvas.draw()


def of_two_kinds(status):
    """A search whose candidates of kind "b", which alone have ``x``, are not finished."""
    params = [{"kind": "a"}] * 3 + [{"kind": "b", "x": float(n)} for n in range(3)]
    scores = np.linspace(0, 1, 18).reshape(6, 3)
    if status == "failed":
        scores[3:] = np.nan
    return made_up(params, scores, status=["finished"] * 3 + [status] * 3)


@pytest.mark.parametrize("names", ["x", ("x", "kind")])
def test_no_star_where_all_candidates_are_frozen(names):
    display = HyperparameterDisplay.from_search(of_two_kinds("frozen"), names)
    display.figure_.canvas.draw()
    _, labels = display.ax_.get_legend_handles_labels()
    assert "best" not in labels


@pytest.mark.parametrize("names", ["x", ("x", "kind")])
def test_a_hyperparameter_without_a_score(names):
    with pytest.raises(ValueError, match=r"No candidate with .*'x'.* has a score"):
        HyperparameterDisplay.from_search(of_two_kinds("failed"), names)


def test_hyperparameters_that_are_never_set_together():
    params = [{"a": 1}, {"b": 1}, {"a": 2}, {"b": 2}]
    search = made_up(params, np.linspace(0, 1, 12).reshape(4, 3))
    with pytest.raises(ValueError, match=r"No candidate with \['a', 'b'\] has a score"):
        HyperparameterDisplay.from_search(search, ("a", "b"))


@pytest.mark.parametrize("display", OF_SCORES)
def test_a_score_that_is_infinite(display):
    cs = [{"C": float(n)} for n in range(1, 5)]
    search = made_up(cs, [[0.5], [np.inf], [0.7], [-np.inf]])
    display.from_search(search).figure_.canvas.draw()
    HyperparameterDisplay.from_search(search, "C").figure_.canvas.draw()
