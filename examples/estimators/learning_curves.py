"""
Learning curves and early stopping
==================================

This example plots the training loss and the validation loss of one fit, stops the
training when the validation loss no longer decreases, and does the same in each fold of a
cross-validation.
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
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import shuffle

from skkeras_search import KerasClassifier

# %%
# A fit with early stopping
# -------------------------
#
# ``validation_split=0.2`` holds out the last fifth of the training rows, so the rows are
# shuffled first. The callback is passed as a class, and its arguments as parameters with
# the prefix ``callbacks__``.

X, y = shuffle(*load_digits(return_X_y=True), random_state=0)
X, y = X[:600], y[:600]


def create_model(meta, units=64, learning_rate=0.01):
    model = keras.Sequential(
        [
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model


classifier = KerasClassifier(
    create_model,
    epochs=60,
    validation_split=0.2,
    callbacks=keras.callbacks.EarlyStopping,
    callbacks__patience=5,
    callbacks__restore_best_weights=True,
    verbose=0,
    random_state=0,
)
classifier.fit(StandardScaler().fit_transform(X), y)
history = classifier.history_
print(f"The training stopped after {len(history['loss'])} of {classifier.epochs} epochs.")

# %%
# The history is a dict with a list for each quantity that Keras reports. The copies of
# the callbacks that the fit used are in ``callbacks_``.

best_epoch = classifier.callbacks_[0].best_epoch + 1
epochs = range(1, len(history["loss"]) + 1)
figure, ax = plt.subplots(layout="constrained")
ax.plot(epochs, history["loss"], label="training")
ax.plot(epochs, history["val_loss"], label="validation")
ax.axvline(best_epoch, color="gray", linestyle="--", label="restored epoch")
ax.set(xlabel="epoch", ylabel="loss", yscale="log", title="Learning curves of one fit")
ax.legend()
plt.show()

# %%
# Each fold of a cross-validation
# -------------------------------
#
# In a cross-validation, each fold holds out a part of its own training rows and stops on
# its own. The test rows of the fold take no part in this decision.

pipeline = make_pipeline(StandardScaler(), classifier)
result = cross_validate(pipeline, X, y, cv=5, return_estimator=True)
figure, ax = plt.subplots(layout="constrained")
for fold, estimator in enumerate(result["estimator"]):
    losses = estimator[-1].history_["val_loss"]
    accuracy = result["test_score"][fold]
    label = f"fold {fold}: {len(losses)} epochs, test accuracy {accuracy:.2f}"
    ax.plot(range(1, len(losses) + 1), losses, label=label)
ax.set(xlabel="epoch", ylabel="validation loss", yscale="log", title="Five folds")
ax.legend()
plt.show()
