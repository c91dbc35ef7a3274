"""
A fitted pipeline as an ONNX model
==================================

:func:`~skkeras_search.export` writes a fitted pipeline, with its preprocessing and its
class labels, for programs that have neither Keras nor scikit-learn. This example uses ONNX;
the formats of Keras, TensorFlow (SavedModel) and TensorFlow.js are written in the same way.
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
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skkeras_search import KerasClassifier, export

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)


def create_model(units=32):
    model = keras.Sequential(
        [
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


pipeline = make_pipeline(
    MinMaxScaler(), KerasClassifier(create_model, epochs=15, verbose=0, random_state=0)
)
pipeline.fit(X_train, y_train)
print(f"Accuracy: {pipeline.score(X_test, y_test):.3f}")

# %%
# Write the file
# --------------
#
# The scaler becomes a part of the model. A transformer that cannot be exported raises an
# error that names the transformer.

path = Path(tempfile.mkdtemp()) / "digits.onnx"
export(pipeline, path, format="onnx")
print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")

# %%
# Predict with ONNX Runtime
# -------------------------
#
# ONNX Runtime receives the images as they are, without scaling.

session = onnxruntime.InferenceSession(path)
[image] = session.get_inputs()
probabilities = session.run(None, {image.name: X_test})[0]
difference = np.abs(probabilities - pipeline.predict_proba(X_test)).max()
print(f"Input {image.name} with shape {image.shape}")
print(f"Largest difference of a probability: {difference:.0e}")

# %%
figure, axes = plt.subplots(1, 5, figsize=(8, 2), layout="constrained")
for ax, pixels, row in zip(axes, X_test, probabilities, strict=False):
    ax.imshow(pixels.reshape(8, 8), cmap="gray_r")
    ax.set_title(f"{row.argmax()} ({row.max():.0%})")
    ax.set_axis_off()
plt.show()
