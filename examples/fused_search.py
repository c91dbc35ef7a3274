"""
A search with all fits in one program
=====================================

Twelve candidates, five folds: sixty fits and a last one on all data. They differ in
their rates only, so they share one compiled program. The same search is then done for
one candidate by Keras itself, to compare the time of a fit and the scores.
"""

import os
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # what TensorFlow notes while it computes
stderr = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # and while it is imported
try:
    import keras
finally:
    os.dup2(stderr, 2)

import joblib
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

start = time.perf_counter()
with joblib.parallel_config("fused"):
    search = GridSearchCV(classifier, grid, cv=5).fit(X, y)
fused = time.perf_counter() - start

print(f"{fused:.1f} s for 61 fits, by engine {search.best_estimator_.engine_!r}")
print(f"Best mean accuracy: {search.best_score_:.3f} with {search.best_params_}")

start = time.perf_counter()
best = classifier.set_params(engine="keras", **search.best_params_)
scores = cross_val_score(best, X, y, cv=5)
by_keras = time.perf_counter() - start

same = np.isclose(scores.mean(), search.best_score_, atol=0.005)
print(f"{by_keras:.1f} s for 5 fits by Keras, with the same scores: {same}")
