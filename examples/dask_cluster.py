"""
A search on a Dask cluster
==========================

Two worker processes on this machine stand for a cluster. With the address of a scheduler in
the place of ``LocalCluster``, the same search runs on as many machines as there are. The
dashboard needs the package bokeh.
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
from distributed import Client, LocalCluster
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skkeras_search import BayesSearchCV, KerasClassifier


def create_model(meta, units=32, rate=1e-3):
    model = keras.Sequential([keras.layers.Dense(units, activation="relu")])
    model.add(keras.layers.Dense(meta["n_classes_"], activation="softmax"))
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


# Workers import this file, and must not start workers of their own.
if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    classifier = KerasClassifier(create_model, epochs=10, random_state=0, verbose=0)
    search = BayesSearchCV(
        make_pipeline(MinMaxScaler(), classifier),
        {
            "kerasclassifier__units": (8, 128, "log-uniform"),
            "kerasclassifier__rate": (1e-4, 1e-1, "log-uniform"),
        },
        n_iter=12,
        cv=3,
        random_state=0,
    )
    with (
        LocalCluster(n_workers=2, threads_per_worker=1) as cluster,
        Client(cluster) as client,
    ):
        print("Dashboard:", client.dashboard_link)
        begun = time.perf_counter()
        with joblib.parallel_config("dask"):
            search.fit(X, y)
        spent = time.perf_counter() - begun
        print(f"{search.n_iter} candidates on 2 workers in {spent:.0f} s")
    print(f"Accuracy in cross-validation: {search.best_score_:.3f}")
    print("Best:", search.best_params_)
