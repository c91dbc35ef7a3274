"""Data that the tests share."""

import numpy as np
from sklearn.datasets import load_diabetes, load_iris

X_iris, y_iris = load_iris(return_X_y=True)
X_iris = X_iris.astype("float32")
names_iris = np.array(["setosa", "versicolor", "virginica"])[y_iris]
X_diabetes, y_diabetes = (array[:60] for array in load_diabetes(return_X_y=True))


def weights(estimator):
    """All weights of a fitted estimator's model, in one array."""
    return np.concatenate([w.ravel() for w in estimator.model_.get_weights()])
