"""
Look at a search
================

This example shows the figure, the tables and the report of one search. The class
:class:`~skkeras_search.BayesSearchCV` could be any other search of this package or of
scikit-learn: the displays of :mod:`skkeras_search.inspection` take all of them.
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
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import BayesSearchCV, KerasClassifier
from skkeras_search.inspection import (
    FoldScoresDisplay,
    HyperparameterDisplay,
    ImportanceDisplay,
    LearningCurvesDisplay,
    TimelineDisplay,
)

X, y = load_digits(return_X_y=True)
X, y = X[:600], y[:600]


def create_model(meta, units=16, dropout=0.0):
    return keras.Sequential(
        [
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


network = KerasClassifier(
    create_model,
    loss="sparse_categorical_crossentropy",
    optimizer="adam",
    epochs=8,
    verbose=0,
    random_state=0,
)
estimator = make_pipeline(StandardScaler(), network)
space = {
    "kerasclassifier__units": (4, 64, "log-uniform"),
    "kerasclassifier__dropout": (0.0, 0.6),
    "kerasclassifier__optimizer__learning_rate": (1e-4, 1e-1, "log-uniform"),
}
search = BayesSearchCV(estimator, space, n_iter=16, cv=3, random_state=0)

# %%
# Text
# ----
#
# The space can be summarized before the search.

search.search_space_summary()
search.fit(X, y)
search.results_summary(3)

# %%
# In a notebook
# -------------
#
# A notebook shows the diagram of the estimator, the best result and a small plot.

search

# %%
# One figure
# ----------

search.plot()
plt.show()

# %%
# Single displays
# ---------------
#
# A display draws on the axes that it receives, or on a new figure.

figure, axes = plt.subplots(2, 2, figsize=(11, 8), layout="constrained")
ImportanceDisplay.from_search(search, ax=axes[0, 0])
HyperparameterDisplay.from_search(
    search, "kerasclassifier__optimizer__learning_rate", ax=axes[0, 1]
)
FoldScoresDisplay.from_search(search, ax=axes[1, 0])
LearningCurvesDisplay.from_search(search, ax=axes[1, 1])
plt.show()

# %%
# When was what trained?
# ----------------------

TimelineDisplay.from_search(search)
plt.show()

# %%
# A report
# --------
#
# ``report`` writes one HTML page that needs no network and no other file: the best
# candidate, the plots, a table of all candidates, the code of the best estimator and the
# versions of packages.

with tempfile.TemporaryDirectory() as folder:
    path = search.report(Path(folder, "report.html"))
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
