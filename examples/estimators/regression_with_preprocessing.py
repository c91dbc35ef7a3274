"""
Regression with preprocessing
=============================

Columns of different kinds are preprocessed in the pipeline, the target is scaled, and the
training of each fold stops early. The network is compared with a linear model.
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
from keras import layers
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.metrics import PredictionErrorDisplay, r2_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skkeras_search import KerasRegressor

# %%
# The data
# --------

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X["sex"] = X["sex"].map({1: "first", 2: "second"})
X.head()

# %%
# The network
# -----------
#
# The model is not compiled in the build function, so the estimator compiles it with its
# own ``loss`` and ``optimizer``. ``optimizer__learning_rate`` is routed to the optimizer,
# and the parameters with the prefix ``callbacks__`` are routed to the callback.


def create_model(meta, units=32, l2=1e-3):
    regularizer = keras.regularizers.L2(l2)
    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            layers.Dense(units, activation="relu", kernel_regularizer=regularizer),
            layers.Dense(1),
        ]
    )


network = KerasRegressor(
    create_model,
    loss="mse",
    optimizer="adam",
    optimizer__learning_rate=0.01,
    epochs=100,
    validation_split=0.2,
    callbacks=keras.callbacks.EarlyStopping,
    callbacks__patience=5,
    callbacks__restore_best_weights=True,
    verbose=0,
    random_state=0,
)

# %%
# Predictions for rows that were not trained on
# ---------------------------------------------
#
# :func:`~sklearn.model_selection.cross_val_predict` predicts each row by the model of the
# fold that did not train on it. A :class:`~sklearn.compose.TransformedTargetRegressor`
# scales the target before the training and scales the predictions back.

numbers = [name for name in X.columns if name != "sex"]
folds = KFold(5, shuffle=True, random_state=0)
figure, axes = plt.subplots(1, 2, figsize=(9, 4.5), layout="constrained", sharey=True)
for ax, regressor in zip(axes, (RidgeCV(), network), strict=True):
    preprocess = make_column_transformer(
        (StandardScaler(), numbers), (OneHotEncoder(drop="if_binary"), ["sex"])
    )
    model = TransformedTargetRegressor(
        make_pipeline(preprocess, regressor), transformer=StandardScaler()
    )
    predicted = cross_val_predict(model, X, y, cv=folds)
    name, r2 = type(regressor).__name__, r2_score(y, predicted)
    print(f"{name}: R2 {r2:.3f}")
    PredictionErrorDisplay.from_predictions(
        y, predicted, kind="actual_vs_predicted", ax=ax, scatter_kwargs={"s": 12}
    )
    ax.set_title(f"{name}: R2 {r2:.2f}")
plt.show()
