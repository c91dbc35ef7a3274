"""Make the pictures of the page "Looking at a search".

    python docs/make_gallery.py

writes them to docs/user_guide/looking. The pictures of the report and of TensorBoard are
taken with Chromium, by the same means as in the tests.
"""

import sys
import tempfile
import time
import warnings
from pathlib import Path

import keras
import matplotlib
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skkeras_search import (
    BayesSearchCV,
    FreezeThawSearchCV,
    GridSearchCV,
    KerasClassifier,
    RandomizedSearchCV,
    Real,
    TensorBoardLogger,
)
from skkeras_search.inspection import (
    ConvergenceDisplay,
    FoldScoresDisplay,
    HyperparameterDisplay,
    ImportanceDisplay,
    LearningCurvesDisplay,
    ParallelCoordinatesDisplay,
    TimelineDisplay,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.searches.browser import Browser, find_browser
from tests.tensorboard.test_logger import EVERYTHING, serving

matplotlib.use("Agg")
FOLDER = Path(__file__).resolve().parent / "user_guide" / "looking"
X, y = load_digits(return_X_y=True)
X, y = X[:600], y[:600]
SPACE = {
    "C": Real(1e-3, 1e3, "log-uniform"),
    "kernel": ["linear", "rbf", "sigmoid"],
    "gamma": Real(1e-6, 1e-1, "log-uniform", when={"kernel": ["rbf", "sigmoid"]}),
}


def build(meta, units=16, dropout=0.0):
    """Build a network of one hidden layer."""
    layers = keras.layers
    hidden = [layers.Dense(units, "relu"), layers.Dropout(dropout)]
    return keras.Sequential([*hidden, layers.Dense(10, "softmax")])


def save(display, name):
    """Write the picture of a display."""
    FOLDER.mkdir(exist_ok=True)
    figure = getattr(display, "figure_", display)
    figure.savefig(FOLDER / f"{name}.png", dpi=75)


def save_page(url, name, script="true"):
    """Write the picture of a page, as soon as a script in the page gives something true."""
    with (
        tempfile.TemporaryDirectory() as profile,
        Browser(find_browser(), profile, url) as browser,
    ):
        browser.wait_for(script)
        time.sleep(3)  # until it is drawn
        (FOLDER / f"{name}.png").write_bytes(browser.picture())


def save_pages(search):
    """Write the pictures of a search's report, and of the search in TensorBoard."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.html")
        search.report(report)
        save_page(report.as_uri(), "report")
        logs = Path(folder, "logs")
        search.set_callbacks(TensorBoardLogger(logs)).fit(X, y)
        with serving(logs) as server:
            server.wait_for(len(search.cv_results_["params"]))
            tab = """all.find(
                e => e.tagName == "PAPER-TAB" && /parallel/i.test(e.textContent))"""
            click = f"(() => {{{EVERYTHING} {tab}?.click(); return !!{tab}}})()"
            save_page(f"{server.url}/#hparams", "tensorboard", click)


def main():
    """Search, and save pictures."""
    search = BayesSearchCV(SVC(), SPACE, n_iter=40, cv=5, random_state=0).fit(X, y)
    random = RandomizedSearchCV(SVC(), SPACE, n_iter=40, cv=5, random_state=0).fit(X, y)
    grid = {"C": [0.01, 0.1, 1, 10, 100], "gamma": [1e-5, 1e-4, 1e-3, 1e-2, 1e-1]}
    grid = GridSearchCV(SVC(), grid, cv=5, n_jobs=2).fit(X, y)
    save(search.plot(), "plot")
    save_pages(search)
    both = {"Bayesian": search, "random": random}
    save(ConvergenceDisplay.from_searches(both, x="candidates"), "convergence")
    save(ParallelCoordinatesDisplay.from_search(search), "parallel_coordinates")
    save(HyperparameterDisplay.from_search(search, "gamma"), "hyperparameter")
    save(HyperparameterDisplay.from_search(search, ("C", "gamma")), "two_hyperparameters")
    save(HyperparameterDisplay.from_search(grid, ("C", "gamma")), "heatmap")
    save(ImportanceDisplay.from_search(search), "importance")
    save(FoldScoresDisplay.from_search(search), "fold_scores")
    save(TimelineDisplay.from_search(grid), "timeline")
    network = KerasClassifier(
        build,
        loss="sparse_categorical_crossentropy",
        optimizer="adam",
        epochs=18,
        verbose=0,
        random_state=0,
    )
    space = {
        "kerasclassifier__units": (4, 64, "log-uniform"),
        "kerasclassifier__optimizer__learning_rate": (1e-4, 1e-1, "log-uniform"),
    }
    freeze_thaw = FreezeThawSearchCV(
        make_pipeline(StandardScaler(), network), space, n_iter=12, cv=3, random_state=0
    ).fit(X, y)
    save(LearningCurvesDisplay.from_search(freeze_thaw), "learning_curves")


def home():
    """Run the code of the home page, and save its figure."""
    code = (FOLDER.parents[1] / "index.md").read_text(encoding="utf-8")
    code = code.partition("```python\n")[2].partition("```\n")[0]
    names = {}
    exec(code, names)
    save(names["search"].plot(), "home")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    home()
    main()
