"""
A search that trains only the promising candidates to the end
=============================================================

Freeze-thaw gives up most candidates after a ninth of the epochs of one fold, and continues
the promising ones: to the end of that fold, and then in all folds.

    python examples/freeze_thaw.py              # search and print
    python examples/freeze_thaw.py curves.png   # also draw all learning curves
"""

import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # what TensorFlow notes while it computes
stderr = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # and while it is imported
try:
    import keras
finally:
    os.dup2(stderr, 2)

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import FreezeThawSearchCV, KerasClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)


def create_model(units=32, dropout=0.0, learning_rate=1e-3):
    model = keras.Sequential(
        [
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model


def draw(curves, status, path):
    """Draw the training loss of all folds, those of finished candidates strongly."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    styles = {
        "finished": {"color": "tab:blue", "alpha": 0.9, "linewidth": 1.5, "zorder": 2},
        "frozen": {"color": "tab:gray", "alpha": 0.4, "linewidth": 1.0},
        "failed": {"color": "tab:red", "alpha": 0.4, "linewidth": 1.0},
    }
    figure, axes = plt.subplots(layout="constrained")
    labelled = set()
    for (candidate, _), curve in curves.groupby(["candidate", "fold"]):
        kind = status[candidate]
        label = f"_{kind}" if kind in labelled else kind  # each kind once in the legend
        labelled.add(kind)
        axes.plot(curve["epoch"], curve["loss"], label=label, **styles[kind])
    axes.set(xlabel="epoch", ylabel="training loss", yscale="log")
    axes.set_title("Learning curves of all candidates")
    axes.legend()
    figure.savefig(path)


pipeline = Pipeline(
    [
        ("scale", StandardScaler()),
        ("mlp", KerasClassifier(create_model, epochs=15, verbose=0, random_state=0)),
    ]
)
space = {
    "mlp__units": (8, 128, "log-uniform"),
    "mlp__dropout": (0.0, 0.6),
    "mlp__learning_rate": (1e-4, 1e-1, "log-uniform"),
}
# As much training as 8 candidates need in all folds.
search = FreezeThawSearchCV(pipeline, space, n_iter=8, cv=3, random_state=0)
start = time.perf_counter()
search.fit(X_train, y_train)
seconds = time.perf_counter() - start

results = search.cv_results_
n_candidates, n_finished = len(results["params"]), sum(results["status"] == "finished")
n_epochs = results["n_resources"].sum()
print(f"{seconds:.0f} s, {n_epochs} epochs in all folds together")
print(f"{n_candidates} candidates were begun, {n_finished} of them finished")
print(f"Best mean accuracy over the folds: {search.best_score_:.3f} with")
for name, value in search.best_params_.items():
    print(f"  {name} = {value:.4g}")
print(f"Accuracy on the test rows: {search.score(X_test, y_test):.3f}")

if len(sys.argv) > 1:
    draw(search.learning_curves_, results["status"], sys.argv[1])
    print(f"The learning curves are drawn in {sys.argv[1]}")
