"""
Move a script from tf.keras.wrappers
====================================

TensorFlow 2.13 removed ``tf.keras.wrappers.scikit_learn``. A script that was written for
this module runs again after its imports are changed. This one is a grid search over the
batch size and an argument of the build function. :doc:`/migration` lists what else
differs.
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
import matplotlib.pyplot as plt
from keras.layers import Dense, Input
from keras.models import Sequential
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

# before: from tensorflow.keras.wrappers.scikit_learn import KerasClassifier
from skkeras_search import KerasClassifier

# %%
# The old script
# --------------
#
# The rest of the script did not change: the build function is passed as ``build_fn``, the
# grid contains ``batch_size``, ``epochs`` and ``units``, and the labels are integers
# although the loss is ``categorical_crossentropy``. The estimator one-hot encodes them
# for this loss.

X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)


def create_model(units=8):
    model = Sequential()
    model.add(Input((13,)))
    model.add(Dense(units, activation="relu"))
    model.add(Dense(3, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


model = KerasClassifier(build_fn=create_model, verbose=0)
param_grid = dict(batch_size=[8, 16], epochs=[20], units=[8, 16])
grid = GridSearchCV(estimator=model, param_grid=param_grid, cv=5)
grid_result = grid.fit(X, y)

print(f"Best: {grid_result.best_score_:.3f} using {grid_result.best_params_}")
means = grid_result.cv_results_["mean_test_score"]
stds = grid_result.cv_results_["std_test_score"]
for mean, std, params in zip(means, stds, grid_result.cv_results_["params"], strict=True):
    print(f"{mean:.3f} ({std:.3f}) with: {params}")

# %%
# The history
# -----------
#
# The old wrapper returned a ``History`` object from ``fit``, and the history of the best
# model of a search was lost. Here, ``fit`` returns the estimator, as in scikit-learn, and
# the history is the attribute ``history_``.

history = grid_result.best_estimator_.history_
epochs = range(1, len(history["loss"]) + 1)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
left.plot(epochs, history["loss"], marker=".")
left.set(xlabel="epoch", ylabel="training loss")
right.plot(epochs, history["accuracy"], marker=".")
right.set(xlabel="epoch", ylabel="training accuracy")
figure.suptitle("History of the best estimator")
plt.show()

# %%
# The model
# ---------
#
# The trained :class:`keras.Model` is the attribute ``model_``. The old wrapper called it
# ``model``, which is now the build function.

grid_result.best_estimator_.model_.summary()
