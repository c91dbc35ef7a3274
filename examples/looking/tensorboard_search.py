"""
Watch a search in a terminal and in TensorBoard
===============================================

``verbose=1`` shows the progress of a search in the terminal, and
:class:`~skkeras_search.TensorBoardLogger` writes each candidate for TensorBoard as soon
as it is evaluated.
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
import sys
import tempfile
from pathlib import Path

import keras
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from skkeras_search import BayesSearchCV, KerasClassifier, TensorBoardLogger

X, y = load_digits(return_X_y=True)
X, y = X[:900], y[:900]


def create_model(units=32, activation="relu", learning_rate=1e-3):
    model = keras.Sequential(
        [
            keras.layers.Dense(units, activation=activation),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model


# %%
# The search
# ----------
#
# As a script, ``python tensorboard_search.py logs`` writes to the folder ``logs``. In a
# terminal, ``verbose=1`` shows a region with the best score and the candidates that are
# training; here, where the output is not a terminal, it prints one line for each
# candidate.

pipeline = make_pipeline(
    StandardScaler(), KerasClassifier(create_model, epochs=10, verbose=0, random_state=0)
)
space = {
    "kerasclassifier__units": (8, 128, "log-uniform"),
    "kerasclassifier__activation": ["relu", "tanh"],
    "kerasclassifier__learning_rate": (1e-4, 1e-1, "log-uniform"),
}
folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
search = BayesSearchCV(pipeline, space, n_iter=8, cv=3, verbose=1, random_state=0)
search.set_callbacks(TensorBoardLogger(folder)).fit(X, y)

# %%
# TensorBoard
# -----------
#
# Run ``tensorboard --logdir logs`` in another terminal, also while the search runs. The
# page *HParams* has the candidates with their hyperparameters and scores, and the page
# *Scalars* has the learning curves of all folds. There is a folder for each fold of each
# candidate.

for path in sorted(folder.glob("candidate-0000*/**")):
    if path.is_dir():
        print(path.relative_to(folder).as_posix())

# %%
# The files can also be read in Python. These are the learning curves of the first fold of
# each candidate.

figure, ax = plt.subplots(layout="constrained")
for path in sorted(folder.glob("*/fold-0")):
    events = EventAccumulator(str(path)).Reload().Scalars("epoch_loss")
    ax.plot([e.step for e in events], [e.value for e in events], label=path.parent.name)
ax.set(xlabel="epoch", ylabel="training loss", yscale="log", title="Read from the logs")
ax.legend()
plt.show()
