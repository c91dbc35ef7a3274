"""
Optuna's sampler, pruner, storage and plots
===========================================

:class:`~skkeras_search.interop.optuna.OptunaSearchCV` is a search whose candidates are
proposed by a sampler of Optuna. A pruner stops candidates that are worse than most, and
all trials are written to a database, from which the search can continue.
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
import warnings

import keras
import matplotlib.pyplot as plt
import optuna
from sklearn.datasets import load_digits

from skkeras_search import BayesSearchCV, Integer, KerasClassifier
from skkeras_search.interop.optuna import OptunaSearchCV, to_study

optuna.logging.set_verbosity(optuna.logging.WARNING)
warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # of the plots
X, y = load_digits(return_X_y=True)


def create_model(units=32, learning_rate=1e-3):
    model = keras.Sequential(
        [
            keras.layers.Rescaling(1 / 16),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model


classifier = KerasClassifier(create_model, epochs=9, random_state=0, verbose=0)
space = {
    "units": Integer(8, 64, "log-uniform"),
    "learning_rate": (1e-5, 1.0, "log-uniform"),
}

# %%
# Ten trials, then five more
# --------------------------
#
# The second search has the same storage and the same name of the study, so it continues
# the study: ``n_iter`` counts the earlier trials.

folder = tempfile.mkdtemp()


def search(n_iter):
    return OptunaSearchCV(
        classifier,
        space,
        n_iter=n_iter,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
        storage=f"sqlite:///{folder}/study.db",
        study_name="digits",
        cv=3,
        random_state=0,
    )


first = search(n_iter=10).fit(X, y)
print(f"10 trials: {first.best_score_:.3f} with {first.best_params_}")
more = search(n_iter=15).fit(X, y)
print(f"15 trials: {more.best_score_:.3f} with {more.best_params_}")

# %%
# The study
# ---------
#
# ``study_`` is the :class:`optuna.study.Study`. A pruned trial has fewer reports than a
# complete one.

for trial in more.study_.trials:
    reported = [f"{score:.3f}" for score in trial.intermediate_values.values()]
    print(f"{trial.number:3} {trial.state.name:9}", *reported)

optuna.visualization.matplotlib.plot_intermediate_values(more.study_)
plt.show()

# %%
# Any other search as a study
# ---------------------------
#
# :func:`~skkeras_search.interop.optuna.to_study` turns a finished search into a study,
# for Optuna's plots and its dashboard.

bayes = BayesSearchCV(classifier, space, n_iter=10, cv=3, random_state=0).fit(X, y)
study = to_study(bayes)
print(f"Best value of the study: {study.best_value:.3f}")
for name, share in optuna.importance.get_param_importances(study).items():
    print(f"  importance of {name}: {share:.2f}")
