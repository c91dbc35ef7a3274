"""CPU seconds to draw each display of a search, and to write its report.

    python benchmarks/displays.py                    # a search of 500 candidates
    python benchmarks/displays.py --candidates 50
    python benchmarks/displays.py --folder pictures  # and keeps the pictures

The search tunes an SVC with a conditional space, by three metrics; some candidates fail.
Each picture is drawn to a PNG. The first picture of a process also imports matplotlib and
fills its caches, so one is drawn before the clock starts.
"""

import argparse
import sys
import tempfile
import time
import warnings
from pathlib import Path

import matplotlib
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from skkeras_search import RandomizedSearchCV, Real
from skkeras_search.inspection import (
    ConvergenceDisplay,
    FoldScoresDisplay,
    HyperparameterDisplay,
    ImportanceDisplay,
    ParallelCoordinatesDisplay,
    TimelineDisplay,
)

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SPACE = {
    "C": Real(1e-3, 1e3, "log-uniform"),
    "kernel": ["linear", "rbf", "sigmoid"],
    "gamma": Real(1e-6, 1e1, "log-uniform", when={"kernel": ["rbf", "sigmoid"]}),
    "tol": Real(-1e-4, 1e-2),  # those below zero are refused by the estimator
}
PICTURES = {
    "overview": lambda search: search.plot(),
    "convergence": ConvergenceDisplay.from_search,
    "convergence by f1": lambda search: ConvergenceDisplay.from_search(
        search, metric="f1_macro"
    ),
    "parallel coordinates": ParallelCoordinatesDisplay.from_search,
    "one hyperparameter": lambda search: HyperparameterDisplay.from_search(search, "C"),
    "two hyperparameters": lambda search: HyperparameterDisplay.from_search(
        search, ("C", "gamma")
    ),
    "importance": ImportanceDisplay.from_search,
    "importance for log loss": lambda search: ImportanceDisplay.from_search(
        search, metric="neg_log_loss"
    ),
    "fold scores": FoldScoresDisplay.from_search,
    "timeline": TimelineDisplay.from_search,
}


def searched(n_candidates):
    search = RandomizedSearchCV(
        SVC(probability=True),
        SPACE,
        n_iter=n_candidates,
        cv=3,
        scoring=["accuracy", "f1_macro", "neg_log_loss"],
        refit="accuracy",
        random_state=0,
    )
    return search.fit(*load_iris(return_X_y=True))


def draw(search, display_of, path):
    display = display_of(search)
    getattr(display, "figure_", display).savefig(path)
    plt.close("all")


def main(n_candidates, folder):
    search = searched(n_candidates)
    folder.mkdir(parents=True, exist_ok=True)
    draw(search, ConvergenceDisplay.from_search, folder / "convergence.png")
    for name, display_of in PICTURES.items():
        start = time.process_time()
        draw(search, display_of, folder / f"{name}.png")
        print(f"{name:25} {time.process_time() - start:5.2f} s", flush=True)
    start = time.process_time()
    search.report(folder / "report.html")
    size = (folder / "report.html").stat().st_size / 1e6
    print(f"{'report':25} {time.process_time() - start:5.2f} s, {size:.2f} MB")
    print(
        "TensorFlow was imported" if "tensorflow" in sys.modules else "without TensorFlow"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--candidates", type=int, default=500)
    parser.add_argument("--folder", type=Path, default=None)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        main(args.candidates, args.folder or Path(temporary))
