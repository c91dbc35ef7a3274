"""
Parallel coordinates
====================

:class:`~skkeras_search.inspection.ParallelCoordinatesDisplay` draws each candidate as a
line through its hyperparameters. The color is the score, so the regions of good
candidates stand out.
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

from skkeras_search import BayesSearchCV, KerasClassifier, Real
from skkeras_search.inspection import ParallelCoordinatesDisplay

X, y = load_digits(return_X_y=True)
X, y = X[:600], y[:600]


def create_model(units=16, activation="relu", regularization=None, rate=0.0):
    model = keras.Sequential([keras.layers.Dense(units, activation=activation)])
    if regularization == "dropout":
        model.add(keras.layers.Dropout(rate))
    elif regularization == "noise":
        model.add(keras.layers.GaussianNoise(rate))
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    return model


# %%
# A conditional space
# -------------------
#
# The rate exists only for candidates with a regularization.

classifier = KerasClassifier(create_model, epochs=8, verbose=0, random_state=0)
pipeline = make_pipeline(StandardScaler(), classifier)
space = {
    "kerasclassifier__units": (4, 64, "log-uniform"),
    "kerasclassifier__activation": ["relu", "tanh", "elu"],
    "kerasclassifier__regularization": [None, "dropout", "noise"],
    "kerasclassifier__rate": Real(
        0.05, 0.8, when={"kerasclassifier__regularization": ["dropout", "noise"]}
    ),
    "kerasclassifier__batch_size": [16, 32, 64],
}
search = BayesSearchCV(pipeline, space, n_iter=24, n_points=2, cv=3, random_state=0)
search.fit(X, y)
search.results_summary(1)

# %%
# Lines below an axis belong to candidates that do not have this hyperparameter.

display = ParallelCoordinatesDisplay.from_search(search)
display.figure_.set_size_inches(10, 4.5)
plt.show()
