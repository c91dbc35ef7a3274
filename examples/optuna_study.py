"""
A search by Optuna, with its pruner, a database and its plots
=============================================================

Optuna's TPE proposes candidates, and its median pruner stops those that are worse than
most. All of it is in a database, from which the search goes on. Any other search becomes
a study, too.

    python examples/optuna_study.py [folder for the database and a picture]
"""

import os
import sys
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # what TensorFlow notes while it computes
stderr = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # and while it is imported
try:
    import keras
finally:
    os.dup2(stderr, 2)

import optuna
from sklearn.datasets import load_digits

from skkeras_search import BayesSearchCV, Integer, KerasClassifier
from skkeras_search.interop.optuna import OptunaSearchCV, to_study

optuna.logging.set_verbosity(optuna.logging.WARNING)
folder = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp()
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
more = search(n_iter=15).fit(X, y)  # 5 more
print(f"15 trials: {more.best_score_:.3f} with {more.best_params_}")
for trial in more.study_.trials:
    reported = [f"{score:.3f}" for score in trial.intermediate_values.values()]
    print(f"{trial.number:3} {trial.state.name:9}", *reported)

bayes = BayesSearchCV(classifier, space, n_iter=10, cv=3, random_state=0).fit(X, y)
study = to_study(bayes)
print("BayesSearchCV:", study.best_value, optuna.importance.get_param_importances(study))

try:
    axes = optuna.visualization.matplotlib.plot_intermediate_values(more.study_)
except ImportError:
    print("For a picture: pip install skkeras-search[plot]")
else:
    axes.figure.savefig(f"{folder}/intermediate_values.png", bbox_inches="tight")
    print(f"See {folder}/intermediate_values.png, or: optuna-dashboard {more.storage}")
