"""Run a search with a storage, for tests to kill: storage_script.py PATH KIND."""

import sys
import time
import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import BayesSearchCV, FreezeThawSearchCV

X, y = load_iris(return_X_y=True)
X, y = X[::3], y[::3]


class Slow(ClassifierMixin, BaseEstimator):
    """A classifier that takes its time."""

    def __init__(self, a=0.5, seconds=0.0):
        self.a, self.seconds = a, seconds

    def fit(self, X, y):
        time.sleep(self.seconds)
        self.classes_, self.mean_ = np.unique(y), X.mean()
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def score(self, X, y):
        return -((self.a - 0.3) ** 2) + self.mean_ / 100


def bayes(storage=None, seconds=0.0):
    space = {"a": (0.0, 1.0)}
    return BayesSearchCV(
        Slow(seconds=seconds), space, n_iter=10, cv=2, random_state=0, storage=storage
    )


def folds(storage=None, seconds=0.0):
    space = {"a": (0.0, 1.0)}
    return FreezeThawSearchCV(
        Slow(seconds=seconds), space, n_iter=6, cv=3, random_state=0, storage=storage
    )


def build(units=3, rate=1e-2):
    import keras

    dense = [keras.layers.Dense(units, "relu"), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential([dense[0], keras.layers.Dropout(0.2), dense[1]])
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


def network(storage=None, seconds=0.0):
    import keras

    from skkeras_search import KerasClassifier

    stop = keras.callbacks.EarlyStopping("val_loss", patience=4, restore_best_weights=True)
    classifier = KerasClassifier(
        build,
        epochs=18,
        validation_split=0.2,
        callbacks=[stop],
        random_state=0,
        verbose=0,
    )
    space = {
        "kerasclassifier__units": [2, 4, 8],
        "kerasclassifier__rate": (1e-4, 1.0, "log-uniform"),
    }
    return FreezeThawSearchCV(
        make_pipeline(StandardScaler(), classifier),
        space,
        n_iter=3,
        cv=3,
        n_points=2,
        scoring="neg_log_loss",
        random_state=0,
        storage=storage,
    )


SEARCHES = {"bayes": bayes, "folds": folds, "network": network}


def fit(kind, path, seconds=0.0):
    return SEARCHES[kind](path, seconds).fit(X, y)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    path, kind, seconds = sys.argv[1:]
    print("begins", flush=True)
    fit(kind, path, float(seconds))
    print("ends", flush=True)
