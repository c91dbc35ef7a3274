"""
Mixed columns and ROC AUC
=========================

A table of numbers and categories is preprocessed by a
:class:`~sklearn.compose.ColumnTransformer`, and the classifiers are compared by the area
under the ROC curve. scikit-learn treats the Keras classifier as its own: the folds are
stratified, and ``scoring="roc_auc"`` works.
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
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import RocCurveDisplay
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skkeras_search import GridSearchCV, KerasClassifier

# %%
# The data
# --------
#
# The customers are made up. Young customers with a monthly contract leave most often, and
# so do old customers with a yearly one. A linear model cannot describe such an
# interaction.

rng = np.random.default_rng(0)
n = 1500
X = pd.DataFrame(
    {
        "age": rng.integers(18, 80, n).astype(float),
        "monthly_fee": rng.gamma(4, 10, n).round(2),
        "contract": rng.choice(["monthly", "yearly"], n),
        "city": rng.choice(["Basel", "Lyon", "Turin"], n, p=[0.5, 0.3, 0.2]),
    }
)
sign = np.where(X["contract"] == "monthly", -1, 1)
logit = sign * (X["age"] - 49) / 12 + (X["monthly_fee"] - 40) / 30 - 1
y = np.where(rng.random(n) < 1 / (1 + np.exp(-logit)), "leaves", "stays")
X.loc[rng.random(n) < 0.1, "age"] = np.nan
X.head()

# %%
# The pipelines
# -------------

numbers, categories = ["age", "monthly_fee"], ["contract", "city"]


def preprocessing():
    return make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        (OneHotEncoder(), categories),
    )


def create_model(meta, units=16, learning_rate=0.01):
    model = keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "binary_crossentropy")
    return model


network = make_pipeline(
    preprocessing(), KerasClassifier(create_model, epochs=20, verbose=0, random_state=0)
)
linear = make_pipeline(preprocessing(), LogisticRegression())
network

# %%
# Two metrics, five folds
# -----------------------

folds = StratifiedKFold(5, shuffle=True, random_state=0)
results = {}
for name, model in (("logistic regression", linear), ("network", network)):
    results[name] = cross_validate(
        model,
        X,
        y,
        cv=folds,
        scoring=["roc_auc", "accuracy"],
        return_estimator=True,
        return_indices=True,
    )
pd.DataFrame(
    {
        name: {
            metric: f"{found[f'test_{metric}'].mean():.3f} +/- "
            f"{found[f'test_{metric}'].std():.3f}"
            for metric in ("roc_auc", "accuracy")
        }
        for name, found in results.items()
    }
)

# %%
figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.5), layout="constrained")
for ax, (name, found) in zip(axes, results.items(), strict=True):
    RocCurveDisplay.from_cv_results(found, X, y, ax=ax, pos_label="leaves", name="folds")
    ax.set_title(name)
plt.show()

# %%
# A search by ROC AUC
# -------------------
#
# The parameters of a step have its name as a prefix.

search = GridSearchCV(
    network, {"kerasclassifier__units": [4, 16, 64]}, cv=folds, scoring="roc_auc"
)
search.fit(X, y)
search.to_frame()[["param_kerasclassifier__units", "mean_test_score", "std_test_score"]]
