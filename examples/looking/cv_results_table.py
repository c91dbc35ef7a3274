"""
The results as a table
======================

``cv_results_`` is a dict of arrays, as in scikit-learn. ``to_frame`` returns it as a
:class:`pandas.DataFrame`, which can be sorted, grouped and styled.
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
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import GridSearchCV, KerasClassifier
from skkeras_search.inspection import FoldScoresDisplay

X, y = load_wine(return_X_y=True)


def create_model(meta, units=8, activation="relu"):
    model = keras.Sequential(
        [
            keras.layers.Dense(units, activation=activation),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


network = KerasClassifier(create_model, epochs=6, verbose=0, random_state=0)
pipeline = make_pipeline(StandardScaler(), network)
grid = {
    "kerasclassifier__units": [2, 4, 8, 16],
    "kerasclassifier__activation": ["relu", "tanh"],
    "kerasclassifier__batch_size": [8, 32],
}
search = GridSearchCV(
    pipeline, grid, cv=5, scoring=["accuracy", "neg_log_loss"], refit="neg_log_loss"
)
search.fit(X, y)

# %%
# The frame
# ---------

frame = search.to_frame()
print(frame.shape)
frame.head(3)

# %%
# The best candidates
# -------------------
#
# A few columns, with shorter names, sorted by the log loss. The style needs Jinja2.

columns = {
    "param_kerasclassifier__units": "units",
    "param_kerasclassifier__activation": "activation",
    "param_kerasclassifier__batch_size": "batch size",
    "mean_test_neg_log_loss": "log loss",
    "mean_test_accuracy": "accuracy",
    "std_test_accuracy": "accuracy (std)",
    "mean_fit_time": "fit time (s)",
}
table = frame[list(columns)].rename(columns=columns)
table["log loss"] *= -1
(
    table.sort_values("log loss")
    .head(8)
    .style.background_gradient(subset=["log loss"], cmap="Blues_r")
    .background_gradient(subset=["accuracy"], cmap="Greens")
    .format(precision=3)
)

# %%
# Means by hyperparameter
# -----------------------

table.pivot_table("log loss", "units", ["activation", "batch size"]).round(3)

# %%
# Which differences are noise?
# ----------------------------
#
# :class:`~skkeras_search.inspection.FoldScoresDisplay` shows the folds of the best
# candidates, and p-values of their differences from the best one.

FoldScoresDisplay.from_search(search, n=8)
plt.show()
