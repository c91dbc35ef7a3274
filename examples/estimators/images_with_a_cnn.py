"""
A convolutional network for images
==================================

A classifier takes images as an array of shape ``(n_samples, height, width, channels)``.
This example trains a small convolutional network on scikit-learn's digits, compares it
with a support vector machine, and shows which digits it confuses.
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
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.svm import SVC

from skkeras_search import KerasClassifier

# %%
# The data
# --------
#
# The digits are images of 8 by 8 pixels with values from 0 to 16.

X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 8, 8, 1) / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
print(X_train.shape, X_test.shape)

# %%
# The network
# -----------
#
# ``meta["X_shape_"]`` is the shape of the array that ``fit`` receives, and
# ``meta["n_classes_"]`` is the number of classes. The other arguments of the build
# function are hyperparameters.


def create_model(meta, filters=16, dropout=0.25):
    model = keras.Sequential(
        [
            keras.Input(meta["X_shape_"][1:]),
            layers.Conv2D(filters, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(2 * filters, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(dropout),
            layers.Dense(meta["n_classes_"], activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy")
    return model


network = KerasClassifier(create_model, epochs=30, verbose=0, random_state=0)
scores = cross_val_score(network, X_train, y_train, cv=3)
print(f"Network: accuracy {scores.mean():.3f} +/- {scores.std():.3f} over three folds")
flat = X_train.reshape(len(X_train), -1)
scores = cross_val_score(SVC(), flat, y_train, cv=3)
print(f"SVC:     accuracy {scores.mean():.3f} +/- {scores.std():.3f} over three folds")

# %%
# The errors on test images
# -------------------------

network.fit(X_train, y_train)
print(f"Accuracy on the test images: {network.score(X_test, y_test):.3f}")
predicted = network.predict(X_test)
display = ConfusionMatrixDisplay.from_predictions(
    y_test, predicted, cmap="Blues", colorbar=False
)
display.ax_.set_title("Test images")
plt.show()

# %%
# ``predict_proba`` says how sure the network is of its errors.

probabilities = network.predict_proba(X_test)
wrong = (predicted != y_test).nonzero()[0][:5]
figure, axes = plt.subplots(1, 5, figsize=(9, 2.4), layout="constrained")
for ax in axes:
    ax.axis("off")
for ax, row in zip(axes, wrong, strict=False):
    ax.imshow(X_test[row, :, :, 0], cmap="gray_r")
    share = probabilities[row].max()
    ax.set_title(f"is {y_test[row]}, taken for\n{predicted[row]} with {share:.0%}", size=9)
plt.show()
