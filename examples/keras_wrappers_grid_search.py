"""
A grid search written for tf.keras.wrappers
===========================================

The script is as it was for ``tf.keras.wrappers.scikit_learn``, but for the import:
``build_fn``, ``batch_size``, ``epochs`` and an argument of the build function in the
grid, integer labels with ``categorical_crossentropy``. What the wrapper called
``best_estimator_.model`` (the model) is ``best_estimator_.model_`` here, and the
history, which had to be kept by hand, is ``best_estimator_.history_``.
"""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # what TensorFlow notes while it computes
stderr = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # and while it is imported
try:
    from keras.layers import Dense, Input
finally:
    os.dup2(stderr, 2)

from keras.models import Sequential
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

# was: from tensorflow.keras.wrappers.scikit_learn import KerasClassifier
from skkeras_search import KerasClassifier

X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)


def create_model(units=8):
    model = Sequential()
    model.add(Input((13,)))
    model.add(Dense(units, activation="relu"))
    model.add(Dense(3, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


model = KerasClassifier(build_fn=create_model, verbose=1)
param_grid = dict(batch_size=[8, 32], epochs=[5], units=[8, 16])
grid = GridSearchCV(estimator=model, param_grid=param_grid, cv=5)
grid_result = grid.fit(X, y, verbose=0)

print(f"Best: {grid_result.best_score_:.3f} using {grid_result.best_params_}")
means = grid_result.cv_results_["mean_test_score"]
stds = grid_result.cv_results_["std_test_score"]
for mean, std, params in zip(means, stds, grid_result.cv_results_["params"], strict=True):
    print(f"{mean:.3f} ({std:.3f}) with: {params}")

history = grid_result.best_estimator_.history_
for epoch, (loss, accuracy) in enumerate(
    zip(history["loss"], history["accuracy"], strict=True), 1
):
    print(f"epoch {epoch}: loss {loss:.3f}, accuracy {accuracy:.3f}")
grid_result.best_estimator_.model_.summary()
