"""
All fits of a search in one compiled program
============================================

Twelve candidates in five folds are 60 fits. The candidates differ only in their learning
rates and dropout rates, so all of them share one compiled program. Keras then trains one
candidate by itself, to compare the time of a fit and the scores.
:doc:`/user_guide/fusion` explains how this works.
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
import time

import joblib
import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score

from skkeras_search import KerasClassifier

X, y = load_digits(return_X_y=True)


def create_model(learning_rate=0.001, dropout=0.2):
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Rescaling(1 / 16),
            layers.Dense(64, activation="relu"),
            layers.Dropout(dropout),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(learning_rate), loss="sparse_categorical_crossentropy"
    )
    return model


classifier = KerasClassifier(create_model, epochs=5, verbose=0, random_state=0)
grid = {"learning_rate": [0.001, 0.003, 0.01], "dropout": [0.1, 0.2, 0.3, 0.4]}

# %%
# Fused
# -----
#
# The searches of this package fuse the fits by default. The block
# ``parallel_config("fused")`` does the same for scikit-learn's own searches. The time
# includes compiling the program.

start = time.perf_counter()
with joblib.parallel_config("fused"):
    search = GridSearchCV(classifier, grid, cv=5).fit(X, y)
fused = time.perf_counter() - start

print(f"{fused:.1f} s for 61 fits with the engine {search.best_estimator_.engine_!r}")
print(f"Best mean accuracy: {search.best_score_:.3f} with {search.best_params_}")

# %%
# Trained by Keras
# ----------------
#
# ``engine="keras"`` trains with :meth:`keras.Model.fit`. The scores agree.

start = time.perf_counter()
best = classifier.set_params(engine="keras", **search.best_params_)
scores = cross_val_score(best, X, y, cv=5)
by_keras = time.perf_counter() - start

same = np.isclose(scores.mean(), search.best_score_, atol=0.005)
print(f"{by_keras:.1f} s for 5 fits by Keras, with the same scores: {same}")

# %%
figure, ax = plt.subplots(figsize=(6.4, 2.2), layout="constrained")
seconds = [by_keras / 5, fused / 61]
bars = ax.barh(["Keras", "fused"], seconds, color=["lightgray", "tab:blue"])
ax.bar_label(bars, [f" {value:.3f} s" for value in seconds])
ax.set(xlabel="seconds for one fit")
ax.margins(x=0.15)
plt.show()
