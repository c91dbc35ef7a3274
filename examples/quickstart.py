"""
Quickstart: tune a small network
================================

This example tunes a Keras network that recognizes handwritten digits. The network is the
last step of a scikit-learn pipeline, and :class:`~skkeras_search.BayesSearchCV` tunes its
hyperparameters by cross-validation.

From a terminal, run ``python examples/quickstart.py``. The example takes less than a
minute on two cores and writes a figure to ``quickstart.png``.
"""

# %%
# Hold out a quarter of the data
# ------------------------------
# The search uses the training images only. The held-out images score the best model at
# the end.

# sphinx_gallery_start_ignore
# This block only hides the messages that TensorFlow prints when it is imported.
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # hide messages from computations
stderr = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # hide messages from the import
try:
    import keras
finally:
    os.dup2(stderr, 2)
# sphinx_gallery_end_ignore

import time

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import BayesSearchCV, KerasClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, stratify=y, random_state=0
)
print(f"Digits: {len(X_train)} images for training, {len(X_test)} held out")

# %%
# Write a build function
# ----------------------
# The function returns a compiled model. ``meta`` receives a dict describing the data. The
# other arguments become parameters of the classifier, so a search can tune them.


def create_model(meta, units=64, dropout=0.0, learning_rate=1e-3):
    model = keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


classifier = KerasClassifier(create_model, epochs=10, verbose=0, random_state=0)
pipeline = Pipeline([("scale", StandardScaler()), ("mlp", classifier)])

# %%
# Search
# ------
# The search evaluates 20 candidates on 3 folds, which takes 60 fits. Their models share a
# few compiled programs, so most of the fits take a small fraction of a second. Leave
# ``n_jobs`` at its default: for small models ``n_jobs=-1`` is slower.

space = {
    "mlp__units": [16, 32, 64, 128],
    "mlp__dropout": (0.0, 0.5),
    "mlp__learning_rate": (1e-4, 1e-1, "log-uniform"),
}
search = BayesSearchCV(pipeline, space, n_iter=20, cv=3, random_state=0)

start = time.perf_counter()
search.fit(X_train, y_train)
print(f"Search: 60 fits and the refit in {time.perf_counter() - start:.1f} s")

# %%
# Look at the results
# -------------------
# The figure shows the best score by number of candidates, the folds of the best
# candidates, all candidates with their hyperparameters, and how much each hyperparameter
# matters.

search.results_summary(3)
figure = search.plot()
figure.savefig("quickstart.png")

# %%
# Use the best model
# ------------------
# ``best_estimator_`` is the pipeline with the best hyperparameters, fitted to all training
# images. ``history_`` has its learning curve, and ``model_`` is the ``keras.Model``.

best = search.best_estimator_
losses = best["mlp"].history_["loss"]
print(f"Best model: loss {losses[0]:.2f} after epoch 1, {losses[-1]:.3f} after epoch 10")
print(f"Accuracy on the held-out images: {best.score(X_test, y_test):.3f}")
print("Figure: quickstart.png")
