"""
A Bayesian and a random search
==============================

This example runs a Bayesian and a random search over the same space with the same number
of candidates, and plots the best score so far of both.
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
import keras
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import BayesSearchCV, KerasClassifier, RandomizedSearchCV
from skkeras_search.inspection import ConvergenceDisplay

X, y = load_digits(return_X_y=True)
X, y = X[:600], y[:600]

# %%
# The same estimator and the same space for both searches
# -------------------------------------------------------


def create_model(meta, units=16, dropout=0.0, learning_rate=1e-3):
    model = keras.Sequential(
        [
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model


classifier = KerasClassifier(create_model, epochs=8, verbose=0, random_state=0)
pipeline = make_pipeline(StandardScaler(), classifier)
space = {
    "kerasclassifier__units": (4, 64, "log-uniform"),
    "kerasclassifier__dropout": (0.0, 0.8),
    "kerasclassifier__learning_rate": (1e-5, 1.0, "log-uniform"),
}

# %%
# Several seeds
# -------------
#
# One run of each search says little, because both draw their first candidates at random.
# Therefore each search runs with three seeds.

seeds = (0, 1, 2)
bayesian = [
    BayesSearchCV(pipeline, space, n_iter=20, cv=3, random_state=seed).fit(X, y)
    for seed in seeds
]
random = [
    RandomizedSearchCV(pipeline, space, n_iter=20, cv=3, random_state=seed).fit(X, y)
    for seed in seeds
]
for seed in seeds:
    print(
        f"seed {seed}: Bayesian {bayesian[seed].best_score_:.3f}, "
        f"random {random[seed].best_score_:.3f}"
    )

# %%
# :class:`~skkeras_search.inspection.ConvergenceDisplay` draws the best score so far
# against the number of candidates, of fits, or of seconds.

figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained", sharey=True)
for ax, seed in zip(axes, seeds, strict=True):
    ConvergenceDisplay.from_searches(
        {"Bayesian": bayesian[seed], "random": random[seed]}, x="candidates", ax=ax
    )
    ax.set_title(f"seed {seed}")
plt.show()
