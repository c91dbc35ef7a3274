"""
A build function for KerasTuner
===============================

A build function for KerasTuner asks ``hp`` for its hyperparameters. It works here without
a change, and the search reads the space from it, with its conditions: the second width
exists only if there are two layers. :doc:`/migration_keras_tuner` has the details.
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
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skkeras_search import BayesSearchCV, KerasClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)


def build_model(hp):
    model = keras.Sequential([keras.Input((64,))])
    for i in range(hp.Int("layers", 1, 2)):
        units = hp.Int(f"units_{i}", 16, 64, step=16)
        model.add(keras.layers.Dense(units, activation="relu"))
    if hp.Boolean("dropout"):
        model.add(keras.layers.Dropout(hp.Float("dropout_rate", 0.1, 0.5)))
    model.add(keras.layers.Dense(10, activation="softmax"))
    rate = hp.Float("learning_rate", 1e-4, 1e-1, sampling="log")
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


# %%
# The space that the function declares
# ------------------------------------

classifier = KerasClassifier(build_model, epochs=8, verbose=0, random_state=0)
print(classifier.declared_space())

# %%
# A search with cross-validation
# ------------------------------
#
# The classifier is a step of a pipeline, so the scaler is fitted in each fold. No space
# is passed to the search: it takes the one that the build function declares.

pipeline = make_pipeline(StandardScaler(), classifier)
search = BayesSearchCV(pipeline, n_iter=12, cv=3, random_state=0)
search.fit(X_train, y_train)
for name, value in search.best_params_.items():
    print(f"  {name} = {value}")
print(f"Best mean accuracy over the folds: {search.best_score_:.3f}")
print(f"Accuracy on the test rows: {search.score(X_test, y_test):.3f}")

# %%
search.plot()
plt.show()
