"""
Train only the promising candidates to the end
==============================================

:class:`~skkeras_search.FreezeThawSearchCV` trains most candidates for a ninth of the
epochs of one fold. It continues the promising ones to the end of this fold, and then in
all folds. This example draws the learning curves of all candidates.
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
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import FreezeThawSearchCV, KerasClassifier
from skkeras_search.inspection import LearningCurvesDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)


def create_model(units=32, dropout=0.0, learning_rate=1e-3):
    model = keras.Sequential(
        [
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model


# %%
# The search
# ----------
#
# ``n_iter=6`` is the budget: as much training as six candidates need for all epochs of
# all folds.

pipeline = Pipeline(
    [
        ("scale", StandardScaler()),
        ("mlp", KerasClassifier(create_model, epochs=18, verbose=0, random_state=0)),
    ]
)
space = {
    "mlp__units": (8, 128, "log-uniform"),
    "mlp__dropout": (0.0, 0.6),
    "mlp__learning_rate": (1e-4, 1e-1, "log-uniform"),
}
search = FreezeThawSearchCV(pipeline, space, n_iter=6, n_points=2, cv=3, random_state=0)
search.fit(X_train, y_train)

results = search.cv_results_
n_finished = sum(results["status"] == "finished")
print(f"{results['n_resources'].sum()} epochs in all folds together")
print(f"{len(results['params'])} candidates started, {n_finished} finished")
print(f"Best mean accuracy over the folds: {search.best_score_:.3f} with")
for name, value in search.best_params_.items():
    print(f"  {name} = {value:.4g}")
print(f"Accuracy on the test rows: {search.score(X_test, y_test):.3f}")

# %%
# The learning curves
# -------------------
#
# :class:`~skkeras_search.inspection.LearningCurvesDisplay` draws the scores at the end of
# each step, or with ``y="loss"`` the training loss of each epoch. The lines of candidates
# that were given up are faint and end early.

figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
LearningCurvesDisplay.from_search(search, ax=axes[0])
LearningCurvesDisplay.from_search(search, "loss", ax=axes[1])
plt.show()

# %%
# How the epochs were spent
# -------------------------
#
# Each bar is a candidate, in the order in which they started.

figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
for status, color in (("finished", "tab:blue"), ("frozen", "lightgray")):
    rows = (results["status"] == status).nonzero()[0]
    ax.bar(rows, results["n_resources"][rows], color=color, label=status)
ax.set(xlabel="candidate", ylabel="epochs in all folds")
ax.legend()
plt.show()

# %%
# The curves are also a frame of pandas, with a row for each epoch of each fold.

search.learning_curves_.head()
