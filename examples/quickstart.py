"""
Quickstart
==========

A Keras model in a scikit-learn pipeline, tuned by scikit-learn's own searches.

    python examples/quickstart.py

Takes about a minute on two cores and writes ``learning_curve.png``.
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

import matplotlib
from scipy.stats import loguniform, uniform
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import KerasClassifier

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def create_model(meta, units=64, dropout=0.0, learning_rate=1e-3):
    """The arguments, but for ``meta``, are hyperparameters of the classifier."""
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


def search(search_cv, X, y):
    start = time.perf_counter()
    search_cv.fit(X, y)
    n_fits = len(search_cv.cv_results_["params"]) * search_cv.n_splits_
    print(
        f"  {n_fits} fits in {time.perf_counter() - start:.0f} s; best mean accuracy over "
        f"the folds {search_cv.best_score_:.3f} with"
    )
    for name, value in search_cv.best_params_.items():
        print(f"    {name} = {value:.4g}")
    return search_cv


def main():
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.25, stratify=y, random_state=0
    )
    print(f"Digits: {len(X_train)} images to train on, {len(X_test)} held out.")

    pipeline = Pipeline(
        [
            ("scale", StandardScaler()),
            ("clf", KerasClassifier(create_model, epochs=10, verbose=0, random_state=0)),
        ]
    )

    print("GridSearchCV over the number of units and the batch size ...")
    grid = {"clf__units": [16, 64], "clf__batch_size": [32, 128]}
    search(GridSearchCV(pipeline, grid, cv=3), X_train, y_train)

    print("RandomizedSearchCV over the learning rate and the dropout ...")
    distributions = {
        "clf__learning_rate": loguniform(1e-4, 1e-1),
        "clf__dropout": uniform(0, 0.5),
    }
    randomized = search(
        RandomizedSearchCV(pipeline, distributions, n_iter=6, cv=3, random_state=0),
        X_train,
        y_train,
    )

    best = randomized.best_estimator_
    print(f"Accuracy of its refit on the held-out images: {best.score(X_test, y_test):.3f}")

    history = best["clf"].history_
    figure, axes = plt.subplots()
    axes.plot(range(1, len(history["loss"]) + 1), history["loss"], marker="o")
    axes.set(xlabel="epoch", ylabel="training loss", title="Learning curve")
    figure.savefig("learning_curve.png")
    losses = ", ".join(f"{loss:.3f}" for loss in history["loss"])
    print(f"Its training loss by epoch, drawn in learning_curve.png: {losses}")


if __name__ == "__main__":
    main()
