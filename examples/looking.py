"""
Looking at a search
===================

Compares a Bayesian with a random search, plots both, and writes a report.

    python examples/looking.py            # search and print
    python examples/looking.py pictures   # also write pictures and a report to a folder
"""

import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # what TensorFlow notes while it computes
stderr = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # and while it is imported
try:
    import keras
finally:
    os.dup2(stderr, 2)

from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import BayesSearchCV, KerasClassifier, RandomizedSearchCV

X, y = load_digits(return_X_y=True)
X, y = X[:600], y[:600]


def create_model(meta, units=16, dropout=0.0):
    return keras.Sequential(
        [
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


network = KerasClassifier(
    create_model,
    loss="sparse_categorical_crossentropy",
    optimizer="adam",
    epochs=8,
    verbose=0,
    random_state=0,
)
estimator = make_pipeline(StandardScaler(), network)
space = {
    "kerasclassifier__units": (4, 64, "log-uniform"),
    "kerasclassifier__dropout": (0.0, 0.6),
    "kerasclassifier__optimizer__learning_rate": (1e-4, 1e-1, "log-uniform"),
}
bayes = BayesSearchCV(estimator, space, n_iter=15, cv=3, random_state=0)
bayes.search_space_summary()
bayes.fit(X, y)
bayes.results_summary(3)
random = RandomizedSearchCV(estimator, space, n_iter=15, cv=3, random_state=0).fit(X, y)
print(f"Best score of a random search: {random.best_score_:.3f}")

if len(sys.argv) > 1:
    import matplotlib

    matplotlib.use("Agg")
    from skkeras_search.inspection import ConvergenceDisplay, LearningCurvesDisplay

    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    bayes.plot().savefig(folder / "search.png")
    both = ConvergenceDisplay.from_searches({"Bayesian": bayes, "random": random})
    both.figure_.savefig(folder / "convergence.png")
    LearningCurvesDisplay.from_search(bayes).figure_.savefig(folder / "curves.png")
    print("Written:", bayes.report(folder / "report.html"))
