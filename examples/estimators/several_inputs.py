"""
Models with several inputs
==========================

A model may have several inputs, for example an image and a table of measurements.
:class:`~skkeras_search.MultiInput` holds the arrays together, so that cross-validation
and searches select the same rows of each. This example compares a model of both inputs
with models of one input.
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
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score

from skkeras_search import KerasClassifier, MultiInput

# %%
# Two inputs
# ----------
#
# Imagine a camera that sees only the upper half of each digit, and a sensor that measures
# how much ink the columns of the lower half have. The image is one input, the
# measurements are the other.

images, y = load_digits(return_X_y=True)
images = images[:900].reshape(-1, 8, 8, 1) / 16
y = y[:900]
upper, ink = images[:, :4], images[:, 4:].sum(axis=1)[..., 0]
X = MultiInput({"image": upper, "ink": ink})
print(X)
print(X[:5])

# %%
# The model
# ---------
#
# The names of the ``keras.Input`` objects are the keys of the
# :class:`~skkeras_search.MultiInput`. ``inputs`` is a hyperparameter: it says which
# inputs the model uses.


def create_model(meta, inputs=("image", "ink"), units=32):
    image = keras.Input((4, 8, 1), name="image")
    ink = keras.Input((8,), name="ink")
    branches = []
    if "image" in inputs:
        hidden = layers.Conv2D(8, 3, activation="relu")(image)
        branches.append(layers.Flatten()(hidden))
    if "ink" in inputs:
        branches.append(layers.Dense(units, activation="relu")(ink))
    joined = layers.Concatenate()(branches) if len(branches) > 1 else branches[0]
    outputs = layers.Dense(meta["n_classes_"], activation="softmax")(joined)
    model = keras.Model([image, ink], outputs)
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    return model


# %%
# Cross-validation
# ----------------

classifier = KerasClassifier(create_model, epochs=15, verbose=0, random_state=0)
scores = {}
for inputs in (("ink",), ("image",), ("image", "ink")):
    classifier.set_params(inputs=inputs)
    found = scores[" and ".join(inputs)] = cross_val_score(classifier, X, y, cv=5)
    print(f"{' and '.join(inputs):13} accuracy {found.mean():.3f} +/- {found.std():.3f}")

figure, ax = plt.subplots(figsize=(6.4, 3), layout="constrained")
ax.boxplot(list(scores.values()), tick_labels=list(scores), orientation="horizontal")
ax.set(xlabel="accuracy of each of five folds", title="Inputs of the model")
plt.show()
