"""
Resume a search after an interruption
=====================================

A search with a ``storage`` writes each result to a file as soon as it is known. After an
interruption, the same code reads the file and continues. In this example an error
interrupts the search; :doc:`/user_guide/storage` says what survives a killed process or a
power failure.
"""

# sphinx_gallery_start_ignore
import os  # keep TensorFlow from printing while it is imported

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
stderr = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
try:
    import tensorflow  # noqa: F401
finally:
    os.dup2(stderr, 2)
# sphinx_gallery_end_ignore
import tempfile
from pathlib import Path

import keras
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from skkeras_search import BayesSearchCV, KerasClassifier, load_search
from skkeras_search.inspection import ConvergenceDisplay

X, y = load_digits(return_X_y=True)
X, y = X[:900], y[:900]


def create_model(units=32, learning_rate=1e-3):
    model = keras.Sequential(
        [
            keras.layers.Rescaling(1 / 16),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model


def make_search(storage=None):
    return BayesSearchCV(
        KerasClassifier(create_model, epochs=8, verbose=0, random_state=0),
        {"units": [16, 32, 64], "learning_rate": (1e-4, 1e-1, "log-uniform")},
        n_iter=15,
        cv=3,
        random_state=0,
        storage=storage,
    )


# %%
# The interruption
# ----------------
#
# A callback raises an error after the sixth candidate.


def fail(result):
    if len(result.x_iters) == 6:
        raise RuntimeError("the power failed")


folder = tempfile.TemporaryDirectory()
storage = Path(folder.name, "search.db")
try:
    make_search(storage).fit(X, y, callback=fail)
except RuntimeError as error:
    print("The search was interrupted:", error)

# %%
# Any process can read the file, without the data and without TensorFlow.

interrupted = load_search(storage)
print(interrupted)
print(f"Best score so far: {interrupted.best_score_:.3f}")

# %%
# The same search again
# ---------------------
#
# The search reads the six results and trains the other nine candidates.

search = make_search(storage).fit(X, y)
print(f"{len(search.cv_results_['params'])} candidates")
print(f"{search.best_score_:.3f} with {search.best_params_}")

# %%
# A search that was not interrupted finds the same candidates and scores.

again = make_search().fit(X, y)
print("The same candidates:", again.cv_results_["params"] == search.cv_results_["params"])
print("The same best score:", again.best_score_ == search.best_score_)

# %%
display = ConvergenceDisplay.from_search(search, x="candidates")
display.ax_.axvline(6, color="gray", linestyle="--")
display.ax_.set_title("Interrupted after six candidates, then resumed")
plt.show()
folder.cleanup()
