"""
A heatmap of a grid
===================

:class:`~skkeras_search.inspection.HyperparameterDisplay` shows the scores of a grid over
two hyperparameters as a heatmap, and the scores along one of them as points.
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

from skkeras_search import GridSearchCV, KerasClassifier
from skkeras_search.inspection import HyperparameterDisplay

# %%
# The grid has 5 widths and 5 learning rates. With 3 folds, these are 75 fits. The fits of
# one architecture run through one compiled program, so the search takes seconds.

X, y = load_digits(return_X_y=True)


def create_model(meta, units=32, learning_rate=1e-3):
    model = keras.Sequential(
        [
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model


classifier = KerasClassifier(create_model, epochs=5, verbose=0, random_state=0)
pipeline = make_pipeline(StandardScaler(), classifier)
grid = {
    "kerasclassifier__units": [8, 16, 32, 64, 128],
    "kerasclassifier__learning_rate": [3e-4, 1e-3, 3e-3, 1e-2, 3e-2],
}
search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
search.results_summary(3)

# %%
# Two hyperparameters
# -------------------
#
# The best learning rate hardly depends on the width here. The smaller networks are worse
# at all learning rates.

names = ("kerasclassifier__units", "kerasclassifier__learning_rate")
HyperparameterDisplay.from_search(search, names)
plt.show()

# %%
# One hyperparameter
# ------------------
#
# The points are the candidates. The line is the mean over the values of the other
# hyperparameter, as a Gaussian process predicts it.

HyperparameterDisplay.from_search(search, "kerasclassifier__learning_rate")
plt.show()
