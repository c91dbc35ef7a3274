"""Work on a study of a storage, with other processes: python -m tests.interop.optuna_script URL"""

import sys

import numpy as np
import optuna
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from skkeras_search import Real
from skkeras_search.interop.optuna import OptunaSearchCV

SPACE = {
    "C": (1e-3, 1e3, "log-uniform"),
    "kernel": ["linear", "rbf"],
    "gamma": Real(1e-3, 1, when={"kernel": "rbf"}),
    "class_weight": [None, "balanced"],
}


def search(url, n_iter):
    return OptunaSearchCV(
        SVC(), SPACE, n_iter=n_iter, cv=3, storage=url, study_name="shared"
    )


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    print("ready", flush=True)
    sys.stdin.readline()  # the other processes are ready, too
    fitted = search(sys.argv[1], int(sys.argv[2])).fit(*load_iris(return_X_y=True))
    print(np.sum(fitted.study_.trials[0].number == 0), len(fitted.cv_results_["params"]))
