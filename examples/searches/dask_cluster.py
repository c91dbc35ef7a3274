"""
A search on a Dask cluster
==========================

Two worker processes on this machine stand for a cluster. Pass the address of a scheduler
to ``Client`` in place of the ``LocalCluster``, and the same search runs on several
machines. :doc:`/user_guide/clusters` says when a cluster pays off.
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
from distributed import Client, LocalCluster
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skkeras_search import BayesSearchCV, KerasClassifier
from skkeras_search.inspection import TimelineDisplay


def create_model(meta, units=32, rate=1e-3):
    model = keras.Sequential([keras.layers.Dense(units, activation="relu")])
    model.add(keras.layers.Dense(meta["n_classes_"], activation="softmax"))
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


# %%
# The search
# ----------
#
# The workers import this script. Without the condition on ``__name__`` they would start
# clusters of their own; a notebook does not need it. Each worker imports TensorFlow and
# compiles its own program, which takes some seconds, so a search as small as this one is
# faster without a cluster.

if __name__ == "__main__":
    X, y = load_digits(return_X_y=True)
    classifier = KerasClassifier(create_model, epochs=10, random_state=0, verbose=0)
    search = BayesSearchCV(
        make_pipeline(MinMaxScaler(), classifier),
        {
            "kerasclassifier__units": (8, 128, "log-uniform"),
            "kerasclassifier__rate": (1e-4, 1e-1, "log-uniform"),
        },
        n_iter=10,
        cv=3,
        random_state=0,
    )
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, silence_logs="ERROR") as cluster,
        Client(cluster),
        joblib.parallel_config("dask"),
    ):
        begun = time.perf_counter()
        search.fit(X, y)
        spent = time.perf_counter() - begun
    print(f"{search.n_iter} candidates on 2 workers in {spent:.0f} s")
    print(f"Best mean accuracy over the folds: {search.best_score_:.3f}")
    print("Best:", search.best_params_)

# %%
# Which worker trained which candidate
# ------------------------------------

if __name__ == "__main__":
    TimelineDisplay.from_search(search)
    plt.show()
