"""
A search as runs of MLflow
==========================

:class:`~skkeras_search.MLflowLogger` logs a search while the search runs: one run for the
search, and inside it one run for each candidate, with its parameters, the scores of the
folds and the learning curves. The best model is logged, too.
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

import keras
import matplotlib.pyplot as plt
import mlflow
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import BayesSearchCV, KerasClassifier, MLflowLogger

X, y = load_wine(return_X_y=True, as_frame=True)


def create_model(units=16, learning_rate=1e-2):
    model = keras.Sequential(
        [
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model


# %%
# Log a search to a file
# ----------------------
#
# The runs go to an SQLite file here. A server's address is given in the same way.

folder = tempfile.mkdtemp()
mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
mlflow.create_experiment("wine", artifact_location=f"file://{folder}/artifacts")
classifier = KerasClassifier(create_model, epochs=10, verbose=0, random_state=0)
space = {
    "kerasclassifier__units": (4, 32, "log-uniform"),
    "kerasclassifier__learning_rate": (1e-4, 1e-1, "log-uniform"),
}
search = BayesSearchCV(
    make_pipeline(StandardScaler(), classifier), space, n_iter=10, cv=3, random_state=0
)
logger = MLflowLogger("wine")
search.set_callbacks(logger).fit(X, y)

# %%
# Read the runs
# -------------
#
# Runs of candidates have the run of the search as their parent. The command
# ``mlflow ui --backend-store-uri sqlite:///mlflow.db`` shows them in a browser.

runs = mlflow.search_runs(experiment_names=["wine"])
candidates = runs.dropna(subset="tags.mlflow.parentRunId")
candidates = candidates.sort_values("metrics.mean_test_score", ascending=False)
columns = [name for name in candidates if name.startswith("params.")]
print(candidates[[*columns, "metrics.mean_test_score"]].head(3).to_string(index=False))

# %%
# Learning curves are metrics by epoch.

client = mlflow.MlflowClient()
figure, axes = plt.subplots(layout="constrained")
for run_id, score in zip(
    candidates["run_id"], candidates["metrics.mean_test_score"], strict=True
):
    history = client.get_metric_history(run_id, "split0_loss")
    axes.plot(
        [metric.step for metric in history],
        [metric.value for metric in history],
        color=plt.cm.viridis(score),
    )
axes.set(xlabel="epoch", ylabel="training loss of the first fold", yscale="log")
plt.show()

# %%
# Load the best model
# -------------------
#
# The logged model is the whole pipeline.

model = mlflow.pyfunc.load_model(f"runs:/{logger.run_id_}/model")
print("Predictions are equal:", (model.predict(X) == search.predict(X)).all())
