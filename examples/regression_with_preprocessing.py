"""
A regression with preprocessing
===============================

Columns of different kinds are preprocessed in the pipeline, the target is scaled, and
training stops early on a part of each fold's training data.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # what TensorFlow notes while it computes
stderr = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # and while it is imported
try:
    import keras
finally:
    os.dup2(stderr, 2)

from keras import layers
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skkeras_search import KerasRegressor

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X["sex"] = X["sex"].map({1: "first", 2: "second"})


def create_model(meta, units=32, l2=1e-3):
    return keras.Sequential(
        [
            keras.Input((meta["n_features_in_"],)),
            layers.Dense(
                units, activation="relu", kernel_regularizer=keras.regularizers.L2(l2)
            ),
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
numbers = [name for name in X.columns if name != "sex"]
folds = KFold(5, shuffle=True, random_state=0)
for regressor in (RidgeCV(), network):
    preprocess = make_column_transformer(
        (StandardScaler(), numbers), (OneHotEncoder(drop="if_binary"), ["sex"])
    )
    model = TransformedTargetRegressor(
        make_pipeline(preprocess, regressor), transformer=StandardScaler()
    )
    scores = cross_val_score(model, X, y, cv=folds)
    print(f"{type(regressor).__name__}: R2 {scores.mean():.3f} +/- {scores.std():.3f}")
