"""
Train a classifier of digits and export it for the browser
==========================================================

    python examples/browser/train.py

Takes about a minute on two cores, and the first time some minutes more to install the
converter of TensorFlow.js. Writes the folder ``model`` and the files ``digits.onnx`` and
``test.json`` into the folder of this script.
"""

import json
import os
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # what TensorFlow notes while it computes
stderr = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # and while it is imported
try:
    import keras
finally:
    os.dup2(stderr, 2)

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from skkeras_search import KerasClassifier, export


def network(filters=32):
    """Images of 8 by 8 pixels, as rows of 64."""
    return keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Reshape((8, 8, 1)),
            keras.layers.Conv2D(filters, 3, activation="relu"),
            keras.layers.Conv2D(filters, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


here = Path(__file__).parent
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=0)
classifier = KerasClassifier(
    network,
    loss="sparse_categorical_crossentropy",
    optimizer="adam",
    epochs=15,
    verbose=0,
    random_state=0,
)
pipeline = make_pipeline(MinMaxScaler(), classifier).fit(X_train, y_train)
print(f"accuracy on {len(X_test)} test digits: {pipeline.score(X_test, y_test):.3f}")

export(pipeline, here / "model", "tfjs")
export(pipeline, here / "digits.onnx", "onnx")
test = {"pixels": X_test.tolist(), "classes": pipeline.predict(X_test).tolist()}
(here / "test.json").write_text(json.dumps(test))
print(f"wrote {here / 'model'}, {here / 'digits.onnx'} and {here / 'test.json'}")
