"""
A search to watch: in the terminal, and in TensorBoard
======================================================

    python examples/tensorboard_search.py     # writes to the folder "logs"
    tensorboard --logdir logs                 # in another terminal, also while it runs

The page "HParams" has the candidates with their parameters and scores, and "Scalars" the
learning curves of all folds.
"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # what TensorFlow notes while it computes
stderr = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # and while it is imported
try:
    import keras
finally:
    os.dup2(stderr, 2)

from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import BayesSearchCV, KerasClassifier, TensorBoardLogger

X, y = load_digits(return_X_y=True)


def create_model(units=32, activation="relu", learning_rate=1e-3):
    model = keras.Sequential(
        [
            keras.layers.Dense(units, activation=activation),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model


pipeline = make_pipeline(
    StandardScaler(), KerasClassifier(create_model, epochs=10, verbose=0, random_state=0)
)
space = {
    "kerasclassifier__units": (8, 128, "log-uniform"),
    "kerasclassifier__activation": ["relu", "tanh"],
    "kerasclassifier__learning_rate": (1e-4, 1e-1, "log-uniform"),
}
folder = sys.argv[1] if len(sys.argv) > 1 else "logs"
search = BayesSearchCV(pipeline, space, n_iter=12, cv=3, verbose=1, random_state=0)
search.set_callbacks(TensorBoardLogger(folder)).fit(X, y)

print(f"Best mean accuracy over the folds: {search.best_score_:.3f}")
print(f"To look at all candidates: tensorboard --logdir {folder}")
